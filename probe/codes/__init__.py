"""What the codes of quantized rows know: use, bits per frame, and information on labels."""
