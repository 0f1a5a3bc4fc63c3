"""One page that shows what a run brought, holds everything, and asks for nothing."""

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers import tile_pairs

import write_overview
from sandstone.errors import InputError
from sandstone.metrics import tables

INTERPOLATED = {"mean": 25.0, "ci_low": 24.0, "ci_high": 26.0, "median": 25.0}
TRAINED = {column: value + 2 for column, value in INTERPOLATED.items()}
OF_ROCK = {"sample": "rock", "metric": "psnr_db", "n": 6, "baseline": "bicubic", "ceiling": 32.5}
NO_GAIN = {"gain": 0.0, "gain_low": 0.0, "gain_high": 0.0}
GAIN = {"gain": 2.0, "gain_low": 1.5, "gain_high": 2.5}
BICUBIC = {**OF_ROCK, "method": "bicubic", **INTERPOLATED, **NO_GAIN}
SRGAN = {**OF_ROCK, "method": "srgan", **TRAINED, **GAIN, "seeds": 3, "seed_sd": 0.04}
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture
def page(tmp_path: Path):
    """Write a page from small results; `changes` replace the columns of the model's row."""

    def write(*flags: object, sample: str = "rock", **changes: object) -> str:
        hr = np.random.default_rng(0).integers(0, 255, (6, 32, 32), dtype=np.uint8)
        pairs = tile_pairs.write(tmp_path / "rock.h5", {"test": hr}, sample=sample)
        files = [
            tile_pairs.predict(tmp_path / f"{method}.h5", pairs, hr // 2, method=method)
            for method in ("bicubic", "srgan")
        ]
        rows = [BICUBIC, SRGAN | changes]
        summary = pd.DataFrame(rows, columns=[*tables.SUMMARY_COLUMNS])
        summary["sample"] = sample
        summary.to_csv(tmp_path / "summary.csv", index=False)
        words = ["--summary", tmp_path / "summary.csv", "--pairs", pairs, "--predictions", *files]
        output = tmp_path / "page.html"
        write_overview.main([*map(str, [*words, *flags, "--output", output])])
        return output.read_text("utf-8")

    return write


class Addresses(HTMLParser):
    """Collects every address that a page may ask for."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, _: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in ("src", "href", "srcset")]


def data_of(page: str) -> list[dict]:
    return json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])


def test_the_page_asks_for_nothing(page, tmp_path: Path) -> None:
    figure = tmp_path / "metrics.png"
    figure.write_bytes(b"\x89PNG\r\n\x1a\n")
    text = page("--figures", figure)
    addresses = Addresses()
    addresses.feed(text)
    assert addresses.found
    assert all(each.startswith("data:image/png;base64,") for each in addresses.found)
    assert "default-src 'none'" in text
    assert "http" not in re.sub(r"http-equiv", "", text)


def test_the_slider_has_every_method_of_some_tiles(page) -> None:
    [sample] = data_of(page("--tiles", 3))
    assert len(sample["tiles"]) == 3
    assert [*sample["tiles"][0]] == ["LR", "bicubic", "srgan", "HR"]
    assert sample["width_um"] == 64.0


def test_the_verdict_is_plain(page) -> None:
    text = page()
    assert "On rock, srgan gains +2.00 [+1.50, +2.50] dB of PSNR over bicubic" in text
    assert "It is better, as the interval excludes zero." in text
    assert '<small class="better">+2.000 [+1.500, +2.500]</small>' in text


def test_the_noise_of_hr_puts_the_score_into_proportion(page) -> None:
    told = "It has 27.0 dB, where the rock without the noise of HR would have 32.5 dB."
    assert told in page()
    assert "noise of HR" not in page(ceiling=np.nan)


def test_a_model_outside_of_its_domain_is_named(page) -> None:
    told = "On rock, srgan is used outside of its domain: LR is softer than what it has learned."
    assert told in page(domain="softer than what it has learned")
    assert "domain" not in page()


@pytest.mark.parametrize(
    ("plain", "lost", "told"), [("bicubic", 36, "37 times"), ("cubic", 0, "once")]
)
def test_pores_have_a_verdict_of_their_own(
    page, tmp_path: Path, plain: str, lost: int, told: str
) -> None:
    rows = [
        ("rock", plain, "surface_per_mm", 24.0, 0.0, 0.0, 0.0, ""),
        ("rock", "srgan", "surface_per_mm", 11.0, 13.0, 10.0, 16.0, ""),
        ("rock", plain, "percolates_y", "", "", "", "", 60),
        ("rock", plain, "percolates_x", "", "", "", "", 58),
        ("rock", "srgan", "percolates_y", "", "", "", "", 1),
        ("rock", "srgan", "percolates_x", "", "", "", "", lost),
    ]
    columns = ("sample", "method", "measure", "swept", "gain", "gain_low", "gain_high", "lost")
    table = tmp_path / "rock.slices.csv"
    pd.DataFrame(rows, columns=[*columns]).to_csv(table, index=False)
    assert (
        "Of the pores in slices of rock, over the thresholds: srgan errs by 11.0 % in specific "
        f"surface, {plain} by 24.0 %. It is better, as the interval excludes zero. It loses "
        f"percolation {told}, {plain} 118 times."
    ) in page("--rock", table)


def test_the_spread_between_seeds_stands_beside_the_score(page) -> None:
    assert "<small>3 seeds, standard deviation 0.040</small>" in page()
    assert "standard deviation" not in page(seeds=np.nan, seed_sd=np.nan)


def test_what_is_not_sure_is_not_called_better(page) -> None:
    text = page(gain_low=-0.5)
    assert "not distinguishable from no gain" in text
    assert 'class="better"' not in text
    text = page(gain_low=np.nan, gain_high=np.nan)
    assert "srgan gains +2.00 dB of PSNR" in text
    assert "cannot be said, since the test tiles lie in one depth block" in text


def test_names_are_text(page) -> None:
    text = page(sample="a</script><b>")
    assert "<b>" not in text
    assert "a&lt;/script&gt;&lt;b&gt;" in text
    assert data_of(text)


def test_the_page_is_the_same_bytes_twice(page) -> None:
    assert page() == page()


def test_predictions_must_be_of_each_sample(page, tmp_path: Path) -> None:
    page()
    pairs, one = tmp_path / "rock.h5", tmp_path / "srgan.h5"
    words = ["--summary", tmp_path / "summary.csv", "--pairs", pairs, pairs, "--predictions", one]
    with pytest.raises(InputError, match="give as many for each sample"):
        write_overview.main([*map(str, [*words, "--output", tmp_path / "out.html"])])


HARNESS = """<script>
window.onerror = (message) => { document.title = "ERROR " + message; };
setTimeout(() => {
  const view = document.getElementById("view-0"), told = [view.dataset.drawn];
  const press = (key) => view.dispatchEvent(new KeyboardEvent("keydown", {key}));
  press("ArrowRight"); told.push(view.dataset.drawn);
  press("+"); told.push(view.dataset.drawn);
  press("d"); told.push(document.getElementById("difference-0").checked);
  const box = view.getBoundingClientRect();
  const at = (share) => ({clientX: box.left + share * box.width});
  view.setPointerCapture = () => {};
  view.dispatchEvent(new PointerEvent("pointerdown", at(0.25))); told.push(view.dataset.drawn);
  view.dispatchEvent(new PointerEvent("pointermove", at(0.75))); told.push(view.dataset.drawn);
  document.title = JSON.stringify(told);
}, 1500);
</script></body>"""


@pytest.mark.skipif(not BROWSER, reason="no Chromium on PATH")
def test_the_slider_answers_to_keys_and_pointer_in_a_browser(page, tmp_path: Path) -> None:
    path = tmp_path / "harness.html"
    path.write_text(page().replace("</body>", HARNESS), "utf-8")
    command = [str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu"]
    options = [f"--user-data-dir={tmp_path}/browser", "--virtual-time-budget=4000", "--dump-dom"]
    done = subprocess.run(
        [*command, *options, path.as_uri()], capture_output=True, text=True, timeout=120, check=True
    )
    title = re.search(r"<title>(.*?)</title>", done.stdout)[1]
    assert json.loads(title) == [
        "bicubic | srgan 0.50 1.00",
        "bicubic | srgan 0.52 1.00",
        "bicubic | srgan 0.52 1.41",
        True,
        "bicubic | srgan 0.25 1.41",
        "bicubic | srgan 0.75 1.41",
    ]
