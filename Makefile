# Everything runs in .venv, built from the hashed lock on first use. `make` alone lists the targets.

CORES ?= all
CONFIG ?=

# The first Python on PATH that runs and suits; as a real path, so that .venv can be rebuilt from within .venv.
SUITS := import os, sys; (3, 11) <= sys.version_info < (3, 14) or sys.exit(1); print(os.path.realpath(sys.executable))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do $$p -c '$(SUITS)' 2>/dev/null && break; done)

# Jobs call `python`: theirs is the one in .venv.
IN_VENV := PATH="$(CURDIR)/.venv/bin:$$PATH"
SNAKEMAKE := $(IN_VENV) snakemake $(if $(CONFIG),--configfile $(CONFIG))
REPORT = $(SNAKEMAKE) --report results/report.html --report-stylesheet workflow/report/report.css finished && echo "report: $(CURDIR)/results/report.html"

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  CORES=4 limits the cores; CONFIG=config/versa.yaml lays an overlay over config.yaml."

demo: .venv/.installed ## Run the workflow on a synthetic sandstone and write its two reports
	$(SNAKEMAKE) --cores $(CORES) all overview
	@$(REPORT)

versa: ## The same on eight real slices of a sandstone plug
	$(MAKE) demo CONFIG=config/versa.yaml

upscale: .venv/.installed ## Upscale a scan without any config: VOLUME=scan.tif [VOXEL_UM=6] [MODEL=folder] [AXES=mean]
	@[ -n "$(VOLUME)" ] || { echo "make: name the scan: make upscale VOLUME=scan.tif VOXEL_UM=6" >&2; exit 2; }
	@$(IN_VENV) python workflow/upscale_scan.py "$(VOLUME)" --cores $(CORES) $(if $(VOXEL_UM),--voxel-um $(VOXEL_UM)) \
		$(if $(MODEL),--model "$(MODEL)") $(if $(AXES),--axes $(AXES))

pretrained: .venv/.installed ## Train the models in pretrained/ again, from the public rock of data/README.md
	$(IN_VENV) python pretrained/make.py

report: .venv/.installed ## Write results/report.html from the results that are there
	@$(REPORT)

# Whole runs wait as often as they compute, so two at once; a cluster is one at a time.
CLUSTER := tests/workflow/cluster
test: lint ## Lint, then every test but the long ones
	$(IN_VENV) pytest -m "not soak" --ignore tests/workflow --numprocesses auto --maxprocesses 4
	$(IN_VENV) pytest -m "not soak" tests/workflow --ignore $(CLUSTER) --numprocesses 2 --dist loadfile
	$(IN_VENV) pytest -m "not soak" $(CLUSTER)

reproduce: .venv/.installed ## Run twice in two folders and compare every byte (tests/config/tiny.yaml, or CONFIG)
	$(IN_VENV) python tests/workflow/reproduce.py $(CONFIG)

# Exit code 5 means that pytest found none.
soak: .venv/.installed
	$(IN_VENV) pytest -m soak || [ $$? -eq 5 ]

test-all: test soak ## Lint and every test

lint: .venv/.installed ## Check style, form and types; changes nothing
	$(IN_VENV) ruff check
	$(IN_VENV) ruff format --check
	$(IN_VENV) snakefmt --check Snakefile workflow/rules
	$(IN_VENV) snakemake --lint
	$(IN_VENV) mypy

format: .venv/.installed ## Lay out Python and Snakemake files
	$(IN_VENV) ruff check --fix
	$(IN_VENV) ruff format
	$(IN_VENV) snakefmt Snakefile workflow/rules

bench: .venv/.installed ## Measure: run each script in benchmarks/, to the end of the last
	@for benchmark in $(sort $(wildcard benchmarks/*.py)); do \
		echo "== $$benchmark"; $(IN_VENV) python $$benchmark || failed=1; done; exit $${failed:-0}

leakage: .venv/.installed ## After make demo: by how much a random split of slices flatters its model
	$(IN_VENV) python benchmarks/leakage.py

# Needs dot, of Graphviz. Black voxels stand for volumes, noise for a given model; `all` would only add arrows.
ROCK := {"path": "rock.tif", "voxel_size_um": 8, "model": "srgan", "hr": "pair", "formats": ["zarr", "tiff"], "spread": true}
PAIR := {"path": "rock.tif", "voxel_size_um": 2, "lr": {"path": "rock.tif", "voxel_size_um": 8}}
SAMPLES := {"pair": $(PAIR), "shrunken": {"scan_of": "pair"}}
MODELS := {"old": {"weights": "old"}, "srgan": {"seeds": [1, 2]}, "half": {"interpolate": ["srresnet", "srgan"], "alpha": 0.5}}
MEASURED := {"models": ["srresnet", "half", "srgan", "old"], "samples": ["phantom", "pair", "shrunken"], "rock": {}}
DRAWN := {"upscale": {"rock": $(ROCK)}, "models": $(MODELS), "samples": $(SAMPLES), "evaluation": $(MEASURED)}
STAND_INS := import pathlib, numpy, tifffile; from helpers import given_model; \
	given_model.write(pathlib.Path("old")); tifffile.imwrite("rock.tif", numpy.zeros((8, 8, 8), "uint16"))
rulegraph: .venv/.installed
	@folder=$$(mktemp -d) && cd $$folder && echo '$(DRAWN)' > rock.json \
		&& $(IN_VENV) PYTHONPATH="$(CURDIR)/workflow/scripts:$(CURDIR)/tests" python -c '$(STAND_INS)' \
		&& $(IN_VENV) snakemake --snakefile "$(CURDIR)/Snakefile" --configfile rock.json --rulegraph -- all write_overview > graph.dot \
		&& awk '/label = "all"/ {split($$1, node, "["); next} $$0 !~ ("-> " node[1] "$$")' graph.dot | dot -Tsvg > "$(CURDIR)/docs/rulegraph.svg" && rm -r $$folder

slurm: .venv-slurm/.installed ## Build .venv-slurm, which adds Snakemake's plugin for Slurm to .venv

lock: .venv/.installed ## Renew requirements.txt and requirements-slurm.txt, for Python 3.11 to 3.13 alike
	$(COMPILE) requirements.in --output-file requirements.txt
	$(COMPILE) requirements-slurm.in --output-file requirements-slurm.txt

clean: ## Remove .venv, .venv-slurm and caches; results/ and data/ stay
	rm -rf .venv .venv-slurm .ruff_cache .mypy_cache .pytest_cache .hypothesis

# Name the Python that .venv is built from, or say what is missing.
python:
	@"$(PYTHON)" -c '$(SUITS)' 2>/dev/null || { \
		echo "make: Python 3.11, 3.12 or 3.13 is needed and not on PATH; install one, or name it: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "make: $(PYTHON) cannot make virtual environments; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }

# uv obeys its own settings only: hand it pip's index and certificates, from pip.conf or PIP_*.
PIP_SETTING = $$(.venv/bin/pip config list 2>/dev/null | sed -n "s/^[^.]*[.]$(1)='\(.*\)'$$/\1/p" | head -n 1)
UV = UV_DEFAULT_INDEX="$${UV_DEFAULT_INDEX:-$(call PIP_SETTING,index-url)}" \
	SSL_CERT_FILE="$${SSL_CERT_FILE:-$(call PIP_SETTING,cert)}" .venv/bin/uv
COMPILE = $(UV) pip compile --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --quiet
PIP_ARGUMENTS := install --quiet --disable-pip-version-check --require-hashes --requirement
PIP_INSTALL := .venv/bin/pip $(PIP_ARGUMENTS)

# One block of the lock for each package: a line that starts with its name, then its hashes.
LOCK_OF_UV := awk '/^[a-z]/ {on = /^uv==/} on' requirements.txt
LOCK_WITHOUT_UV := awk '/^[a-z]/ {on = !/^uv==/} on' requirements.txt

# The stamp comes last and the folder is cleared first: an interrupted install starts again.
.venv/.installed: requirements.txt
	@echo "Building .venv: a minute or two and about 3 GB; longer where pip has to do it without uv."
	@$(MAKE) --no-print-directory python
	@"$(PYTHON)" -m venv --clear .venv
	@$(LOCK_OF_UV) > .venv/uv.txt && $(LOCK_WITHOUT_UV) > .venv/others.txt
	@$(PIP_INSTALL) .venv/uv.txt \
		&& $(UV) pip sync --quiet --python .venv --require-hashes --compile-bytecode requirements.txt \
		|| $(PIP_INSTALL) .venv/others.txt
	@touch $@

# A folder of its own: the plugin asks Slurm at every call of snakemake, and waits where a client has no cluster to ask.
# lock.pth lets its Python see the packages of .venv, so that pip adds only what is missing there.
PACKAGES := lib/python*/site-packages
.venv-slurm/.installed: requirements-slurm.txt .venv/.installed
	@.venv/bin/python -m venv --clear --without-pip .venv-slurm
	@cd .venv-slurm/$(PACKAGES) && (cd "$(CURDIR)"/.venv/$(PACKAGES) && pwd) > lock.pth
	@.venv-slurm/bin/python -m pip $(PIP_ARGUMENTS) requirements-slurm.txt
	@printf '#!/bin/sh\nexec "$${0%%/*}/python" -m snakemake "$$@"\n' > .venv-slurm/bin/snakemake
	@chmod +x .venv-slurm/bin/snakemake
	@touch $@
	@echo "Activate it where you would activate .venv: source .venv-slurm/bin/activate"

.NOTPARALLEL:
.PHONY: help demo versa upscale pretrained report test reproduce soak test-all lint format bench leakage rulegraph slurm lock clean python
