"""The results of an edit: pictures, a turntable video and its record. Every file is written whole or not at all."""
