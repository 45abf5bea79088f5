"""What a request brings beside who asks: parameters, forms, tags; and what a path says of them."""
