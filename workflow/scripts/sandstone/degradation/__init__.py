"""What a coarse scanner does to what a fine one sees: levels, blur, noise, fitted to a pair."""
