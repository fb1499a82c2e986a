"""Files attached to a message: read, shown as chips, made part of what the model is sent."""
