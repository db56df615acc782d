"""Find faces and number plates in pictures, cover them, and put back what was covered."""
