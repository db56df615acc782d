"""What an edit leaves behind: pictures, a turntable video and its record. Every file is written whole or not at all."""
