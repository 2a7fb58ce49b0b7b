"""What the codes of quantized rows know: code runs, their tables and figures."""
