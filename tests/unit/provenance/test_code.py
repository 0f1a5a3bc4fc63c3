"""Which files a script's code is, and which packages it imports."""

import pytest

from sandstone.provenance import code


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder of scripts with a shared package, each written by its test."""
    (tmp_path / "sandstone").mkdir()
    monkeypatch.setattr(code, "SCRIPTS", tmp_path)

    def write(**texts):
        for name, text in texts.items():
            folder = tmp_path / "sandstone" if name.startswith("m_") else tmp_path
            (folder / f"{name}.py").write_text(text, encoding="utf-8")

    return write


def names(script):
    return [file.stem for file in code.files_of(script)]


def test_script_comes_first_then_what_it_imports_once(project):
    project(
        draw="from sandstone import m_style\nfrom sandstone.m_read import table\n",
        m_style="from sandstone import m_files\n",
        m_read="import sandstone.m_files\n",
        m_files="import os\n",
        m_other="",
    )
    assert names("draw") == ["draw", "m_read", "m_files", "m_style"]


def test_import_within_a_function_counts(project):
    project(draw="def main():\n    from sandstone import m_late\n", m_late="")
    assert names("draw") == ["draw", "m_late"]


def test_modules_that_import_each_other_end(project):
    project(
        draw="import sandstone.m_a\n", m_a="import sandstone.m_b\n", m_b="import sandstone.m_a\n"
    )
    assert names("draw") == ["draw", "m_a", "m_b"]


def test_packages_have_the_names_of_their_distributions(project):
    project(
        draw="import os\nimport yaml\nfrom sandstone import m_images\n",
        m_images="from skimage.measure import label\nimport PIL.Image\nimport numpy as np\n",
    )
    assert code.packages_of("draw") == ["numpy", "pillow", "pyyaml", "scikit-image"]


def test_the_digest_is_of_names_and_contents_wherever_they_lie(tmp_path, monkeypatch):
    found = []
    for place in ("here", "else/where"):
        package = tmp_path / place / "sandstone"
        package.mkdir(parents=True)
        (tmp_path / place / "draw.py").write_text("import sandstone.m_style\n", encoding="utf-8")
        (package / "m_style.py").write_text("SIZE = 1\n", encoding="utf-8")
        monkeypatch.setattr(code, "SCRIPTS", tmp_path / place)
        found.append(code.digest_of("draw"))
    assert found[0] == found[1]
    (package / "m_style.py").write_text("SIZE = 1  # a remark\n", encoding="utf-8")
    assert code.digest_of("draw") != found[0]


def test_the_digest_knows_a_file_from_another_of_the_same_content(project):
    digests = []
    for name in ("m_a", "m_b"):
        project(draw="import sandstone.m_a\nimport sandstone.m_b\n", m_a="", m_b="")
        project(**{name: "EDITED = True\n"})
        digests.append(code.digest_of("draw"))
    assert digests[0] != digests[1]
