import numpy as np

from sandstone.imaging.detail import most_detailed


def test_the_detail_lies_where_the_image_changes_most_at_multiples_of_the_step():
    image = np.zeros((64, 64), np.uint8)
    image[33:47, 17:31] = np.indices((14, 14)).sum(axis=0) % 4 // 2 * 200
    assert most_detailed(image, edge=16, step=4) == (32, 16)


def test_a_constant_image_gives_its_first_corner():
    assert most_detailed(np.zeros((2, 2), np.float32), edge=1, step=1) == (0, 0)
