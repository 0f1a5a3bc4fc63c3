"""What a rock physicist computes from an image: pores, their shapes, what flows through them."""
