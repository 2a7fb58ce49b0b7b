"""Settings of the emotion head."""

import dataclasses
from typing import Annotated, Any, Literal

from mfsn.roles import Head
from pretrain.shared.checked_settings import settings, within

Channels = Annotated[int, within("[1, 65536]")]


@settings
class HeadSettings:
    """Sizes of the emotion head; the defaults are those of the public Co-attention code unless
    said otherwise. The paper names none."""

    image_height: Annotated[int, within("[1, 8192]")] = 256
    """Pixels of the frequency axis after resizing."""

    image_width: Annotated[int, within("[1, 8192]")] = 384
    """Pixels of the time axis after resizing."""

    channels: tuple[Channels, Channels, Channels, Channels, Channels] = (64, 192, 384, 256, 256)
    """Channels of the five convolutions (AlexNet's)."""

    pooled: Annotated[int, within("[1, 1024]")] = 6
    """Rows and columns that are left of the image (AlexNet's)."""

    imagenet_weights: str = ""
    """Local safetensors file with ImageNet weights of torchvision's AlexNet, as the public code
    starts from; empty: start from random weights."""

    spectrogram_dim: Annotated[int, within("[1, 65536]")] = 128
    """Size of the spectrogram branch per stream."""

    lstm_dim: Annotated[int, within("[1, 65536]")] = 256
    """Hidden size of the LSTM per direction."""

    lstm_layers: Annotated[int, within("[1, 100]")] = 2
    """Layers of the LSTM."""

    lstm_dropout: Annotated[float, within("[0, 1)")] = 0.5
    """Dropout between the layers of the LSTM."""

    mfcc_pool: Annotated[int, within("[1, 65536]")] = 1
    """MFCC frames averaged into one before the LSTM; more than 1 is ours, for small runs."""

    mfcc_dim: Annotated[int, within("[1, 65536]")] = 128
    """Size of the MFCC branch per stream."""

    stream_dim: Annotated[int, within("[1, 65536]")] = 128
    """Size to which a stream's weighted sum of states is brought."""

    hidden_dim: Annotated[int, within("[1, 65536]")] = 128
    """Size of the two layers before the classes."""

    dropout: Annotated[float, within("[0, 1)")] = 0.1
    """Dropout before every linear layer but the last."""

    frame_weights: Literal["relu", "softmax"] = "relu"
    """What makes weights of scores in the pooling `coattention`: `relu`, or `softmax` over the
    valid frames, which the public code has commented out."""

    pooling: Head = "coattention"
    """What makes one vector of a stream's frames. `coattention`: a sum, weighted by spectrogram and
    MFCC (paper). The others are ours and hear what frames say, not only where they are: `content`:
    a sum, weighted by the states themselves; `max_mean`: maximum and mean; `windows`: the same of
    `window_frames` neighbours together."""

    window_frames: Annotated[int, within("[1, 99]")] = 9
    """Frames that the pooling `windows` takes together; 9 are 0.18 s, a short word. On dev speakers
    of the synthetic corpus' pre-training part 9 told words better than 1 and 25."""

    def tree(self) -> dict[str, Any]:
        """Returns the settings as plain values, without a pooling that is the paper's and without
        what belongs to another one: runs that know of neither have the same."""
        values = dataclasses.asdict(self)
        if self.pooling == "coattention":
            del values["pooling"]
        if self.pooling != "windows":
            del values["window_frames"]
        return values
