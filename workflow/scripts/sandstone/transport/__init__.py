"""How pores conduct current and water: Laplace and Stokes equations on voxels."""
