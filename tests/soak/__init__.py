"""`make soak`: a whole year in every payload family, in order and in disorder, must give one state."""
