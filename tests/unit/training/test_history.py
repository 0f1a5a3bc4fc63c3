import csv
import io
import math

import numpy as np
import pytest

from sandstone.training import history

HEADER = (
    "step,learning_rate,loss,loss_pixel,loss_content,loss_detail,loss_adversarial,"
    "loss_discriminator,discriminator_real,discriminator_fake,val_psnr_db,val_ssim"
)
PLAIN = {"step": 1, "learning_rate": 1e-3, "loss": 0.25, "loss_pixel": 0.25}
VALIDATED = PLAIN | {"step": 2, "val_psnr_db": math.inf, "val_ssim": 1.0}


def test_the_columns_are_the_documented_ones():
    assert history.to_csv([]) == f"{HEADER}\n"


def test_what_was_not_measured_is_empty():
    lines = history.to_csv([PLAIN, VALIDATED]).splitlines()
    assert lines == [
        HEADER,
        "1,0.001,0.25,0.25,,,,,,,,",
        "2,0.001,0.25,0.25,,,,,,,inf,1",
    ]


def test_a_zero_is_measured():
    assert history.to_csv([PLAIN | {"loss_content": 0.0}]).splitlines()[1].split(",")[4] == "0"


def test_any_float32_survives_the_text():
    bits = np.random.default_rng(1).integers(1, 2**31 - 2**24, 1000, dtype=np.int32)
    values = bits.view(np.float32)
    text = history.to_csv([PLAIN | {"loss": float(value)} for value in values])
    read = [np.float32(row["loss"]) for row in csv.DictReader(io.StringIO(text))]
    np.testing.assert_array_equal(read, values)


def test_steps_are_whole_numbers_however_many():
    text = history.to_csv([PLAIN | {"step": 123_456_789.0}])
    assert text.splitlines()[1].startswith("123456789,")


@pytest.mark.parametrize("rows", [[], [PLAIN], [PLAIN, VALIDATED]])
def test_an_array_holds_all_rows(rows):
    table = history.to_array(rows)
    assert table.dtype == np.float64
    assert table.shape == (len(rows), len(history.COLUMNS))
    assert history.from_array(table) == rows
    assert history.to_csv(history.from_array(table)) == history.to_csv(rows)
