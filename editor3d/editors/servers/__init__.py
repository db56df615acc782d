"""2D editors that run on servers of the user's own: ComfyUI, and the web interfaces that AUTOMATIC1111's began."""
