"""How a stream's frames become one vector in the emotion head, by the setting `head.pooling`.

One more is a file with a module like those beside this one, which maps what spectrogram and MFCC
say of a segment (B, A), states (B, T, D) and which of them are valid (B, T) to (B, `out_features`),
a line here, and a name with its words in `mfsn/roles.py`.
"""

from mfsn.model.poolings.acoustic_attention import StreamAttention
from mfsn.model.poolings.content import ContentAttention
from mfsn.model.poolings.max_mean import MaxMean
from mfsn.model.poolings.windows import Windows

POOLINGS: dict[str, type[StreamAttention | ContentAttention | MaxMean | Windows]] = {
    "coattention": StreamAttention,
    "content": ContentAttention,
    "max_mean": MaxMean,
    "windows": Windows,
}
