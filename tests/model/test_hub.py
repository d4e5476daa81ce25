"""Models go to a folder or to a hub and come back the same."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from every_kind import fit, rows
from local_hub import COMMIT, local_hub

import pcbm
from pcbm import EditPlan, PostHocCBM, PostHocCBMRegressor
from pcbm.errors import InputError
from pcbm.model.hub import FILES

THERE_AND_BACK = """
import sys
import numpy as np
from pcbm import PostHocCBM, load
from pcbm.errors import InputError
model = load(sys.argv[1])
print(model.push_to_hub("user/name", token="hf_secret", private=True))
again = PostHocCBM.from_pretrained("user/name")
print(np.array_equal(again.coef_, model.coef_), again.measured_["metrics"]["run"])
try:
    PostHocCBM.from_pretrained("user/other")
except InputError as error:
    print(error)
"""


@pytest.mark.parametrize("residual", ["none", "mlp"])
def test_a_folder_gives_the_model_back(tmp_path, residual):
    model = fit(residual=residual)
    model.save_pretrained(tmp_path / "run")
    again = PostHocCBM.from_pretrained(tmp_path / "run")
    np.testing.assert_array_equal(again.predict_proba(rows()), model.predict_proba(rows()))
    with pytest.raises(InputError, match="exists already"):
        model.save_pretrained(tmp_path / "run")
    model.save_pretrained(tmp_path / "run", force=True)


def test_the_files_of_a_hub_are_those_of_a_run(tmp_path):
    fit().edit(EditPlan().rename("concept 0", "first")).save(tmp_path / "run")
    assert {path.name for path in (tmp_path / "run").iterdir()} == set(FILES)
    assert not any(name.endswith((".py", ".pkl", ".bin", ".pt")) for name in FILES)


def test_a_model_of_the_other_class_is_refused(tmp_path):
    fit("regression").save(tmp_path / "run")
    with pytest.raises(InputError, match=r"use PostHocCBMRegressor\.from_pretrained"):
        PostHocCBM.from_pretrained(tmp_path / "run")
    assert PostHocCBMRegressor.from_pretrained(tmp_path / "run").coef_.shape == (1, 5)


def test_a_folder_that_is_no_run_says_so(tmp_path):
    with pytest.raises(InputError, match="is not a RUN"):
        PostHocCBM.from_pretrained(tmp_path)


@pytest.mark.parametrize("name", ["user/absent", "no such/../folder", "/nowhere/run", "a b"])
def test_what_is_neither_folder_nor_repository_is_one_line(name):
    with pytest.raises(InputError) as caught:
        PostHocCBM.from_pretrained(name, local_files_only=True)
    message = str(caught.value)
    assert message.startswith(f"cannot fetch {name!r} (") and "\n" not in message
    assert message.endswith("name a RUN folder, or USER/NAME on the hub")


def test_without_the_client_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    for call in (lambda: PostHocCBM.from_pretrained("a/b"), lambda: fit().push_to_hub("a/b")):
        with pytest.raises(InputError, match=r"pip install 'pcbm\[hub\]'"):
            call()


@pytest.mark.slow
def test_a_model_goes_up_to_a_hub_and_comes_down(tmp_path):
    """Through huggingface_hub's own client, to a hub of this process."""
    fit().save(tmp_path / "run")
    own = {
        "HF_HUB_OFFLINE": "0",
        "HF_HOME": str(tmp_path / "home"),
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    with local_hub() as hub:
        done = subprocess.run(
            [sys.executable, "-c", THERE_AND_BACK, str(tmp_path / "run")],
            env={**os.environ, **own, "HF_ENDPOINT": hub.address},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        commit, same, refused = done.stdout.splitlines()
        assert commit == f"{hub.address}/user/name/commit/{COMMIT}"
        assert same == "True user/name"
        assert refused.startswith("cannot fetch 'user/other' (RepositoryNotFoundError")
        assert set(hub.files) == set(FILES) - {"edits.safetensors"}
        assert hub.card == hub.files["README.md"].decode()
        for name, content in hub.files.items():
            if name not in ("metrics.json",):  # it says where the run lies
                assert content == (tmp_path / "run" / name).read_bytes()
    assert pcbm.load(tmp_path / "run").coef_.shape == (3, 5)
