"""Pictures of programs by warm, confined Blender processes, as their owner sees them. Imports no bpy."""
