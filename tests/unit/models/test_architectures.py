from sandstone.models import architectures


def test_filters_double_up_to_eight_times_the_first():
    options = {"filters": 32, "layers": 6}
    assert architectures.level_filters(options) == [32, 64, 128, 256, 256, 256]
