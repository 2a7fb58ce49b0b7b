"""The embedded corpus: real text-to-speech with emotion by published rules; always synthetic."""
