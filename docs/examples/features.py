"""Frames of every layer of an encoder, and what a probe makes of it.

python docs/examples/features.py runs/mine/rows/continuous-k4-seed0 speech.wav [emotions.csv]
"""

import sys

import soundfile

import pretrain
import probe

encoder = pretrain.load_encoder(sys.argv[1])  # or hf:/data/wavlm-base, or hf:microsoft/wavlm-base
waveform, sample_rate = soundfile.read(sys.argv[2], dtype="float32")
for number, layer in enumerate(encoder.layers(waveform, sample_rate)):
    frames, dim = layer.shape
    print(f"layer {number}: {frames} frames of {dim}, deviation {layer.std():.3f}")

if len(sys.argv) > 3:  # a CSV with the columns path, speaker and emotion
    scores = probe.evaluate(sys.argv[1], sys.argv[3], protocol="speaker")
    selected = scores[(scores["layer"] == "selected") & (scores["metric"] == "ua")]
    print(selected[["row", "value"]].to_string(index=False))
