"""How the tasks look: images of shape (height, width, 3), made with NumPy alone, and a window for them."""
