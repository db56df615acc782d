# make demo    set up, then edit the demo scene and say where the results are
# make test    set up, then run all tests, in TEST_PROCESSES processes (2)
# make addon   Blender's add-on as a zip, in dist/
# make studio  the page of editor3d studio, by npm; make setup builds it, too
# make bench   the benchmarks; prints their figures (see below for a capture of your own)

PYTHON ?= python3.11
TEST_PROCESSES ?= 2
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
# plain pip may find a newer pre-release of a dependency's dependency: these are the versions that were tried together
PIP    := $(BIN)/python -m pip --disable-pip-version-check

export PYTHONWARNINGS ?= ignore::FutureWarning
# threads that wait leave the cores to those that work: set before Python starts, it holds for every import order
export OMP_WAIT_POLICY ?= passive

.PHONY: setup demo test test-fast addon studio bench check system clean

setup: $(READY)

# mediapipe finds faces and bodies for gaussian-vton; its own requirements would bring a second OpenCV and a newer NumPy
$(READY): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is missing: apt-get install python3.11 python3.11-venv, or pyenv install 3.11"; exit 2; }
	@free=$$(df -Pk . | awk 'NR == 2 { print int($$4 / 1048576) }'); test -x $(BIN)/python || test "$$free" -ge 9 || { \
		echo "Expected 9 GB of free disk for $(VENV), got $$free GB: free some, or clone to a larger disk."; exit 2; }
	@echo "Setting up $(VENV) and compiling the kernels, once: some minutes."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install --quiet --constraint constraints.txt --editable '.[blender,pytorch3d,mcp,usd,dev]'
	@$(PIP) install --quiet --no-deps mediapipe==0.10.9
	@$(BIN)/python -m editor3d.geometry.warmup >/dev/null
	@$(BIN)/python -m editor3d.editors.procedural.solid.warmup >/dev/null
	@$(BIN)/python -m nerf_methods.voxel.warmup >/dev/null
	@$(BIN)/python -m gaussian.warmup >/dev/null
	@$(BIN)/python -m editor3d.studio.build || echo "All but editor3d studio works: make studio builds its page once npm's registry is reached."
	@touch $(READY)

# Names missing system packages and the command that installs them; only ns-export and Blender programs need them.
system: $(READY)
	@$(BIN)/editor3d doctor || true

# At most two lines of progress for each part of the work where there is no terminal; what is missing is named only if
# editing needs it.
demo: $(READY)
	@$(BIN)/editor3d doctor --missing || true
	@echo 'Editing the demo scene, "make the teapot gold": some minutes, most of them for the reconstruction, which is kept.'
	@EDITOR3D_PROGRESS_LINES=$${EDITOR3D_PROGRESS_LINES:-2} \
		$(BIN)/editor3d edit demo --instruction "make the teapot gold" --method igs2gs --editor procedural \
		--base-steps 1500
	@$(BIN)/editor3d eval --show summary "$$(ls -td outputs/demo/igs2gs/*/ | head -n 1)"

# Tests wait for processes and files about as long as they compute: two processes of one thread each use two cores
# better than one process of two. Tests of one file stay together, since they share fixtures.
TESTS  = OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests --numprocesses $(TEST_PROCESSES) --dist loadfile

test: $(READY)
	$(TESTS)

test-fast: $(READY)
	$(TESTS) -m "not slow"

# One zip for Blender 4.2 and later (an extension) and 3.4 to 4.1 (an add-on); Python 3.11 is all that it takes.
addon:
	@$(PYTHON) blender_addon/build_zip.py --output dist

studio: $(READY)
	@$(BIN)/python -m editor3d.studio.build

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(BIN)/pyright

# make bench CAPTURE=captures/bear also edits that capture, and measures speeds on it instead of on the demo scene
bench: $(READY)
	$(BIN)/python benchmarks/voxel_vs_nerfacto.py $(if $(CAPTURE),--data $(CAPTURE) --downscale-factor 2)
	$(BIN)/python benchmarks/edit_overhead.py $(if $(CAPTURE),--data $(CAPTURE) --downscale-factor 2)
	$(BIN)/python benchmarks/known_edits.py $(if $(CAPTURE),--capture $(CAPTURE))
	$(BIN)/python benchmarks/splat_raster.py $(if $(CAPTURE),--data $(CAPTURE))
	$(BIN)/python benchmarks/splat_training.py $(if $(CAPTURE),--data $(CAPTURE))
	$(BIN)/python benchmarks/splat_region.py $(if $(CAPTURE),--data $(CAPTURE))
	$(BIN)/python benchmarks/program_refinement.py --perturbations 3 --renders 300
	$(BIN)/python benchmarks/program_workers.py

clean:
	rm -rf $(VENV) outputs
