.PHONY: help install test test-slow lint format bench ci
.DEFAULT_GOAL := help

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install:  ## install for development, with the versions of constraints.txt
	python -m pip install -q -c constraints.txt torch==2.13.0
	python -m pip install -q -c constraints.txt -e '.[test]'

test:  ## the tests that CI runs
	python -m pytest -q

test-slow:  ## the tests that take minutes
	python -m pytest -q -m slow

lint:  ## style, docstrings, types
	ruff check .
	ruff format --check .
	pyright

format:  ## let ruff rewrite what it can
	ruff check --fix .
	ruff format .

bench:  ## microseconds of the small networks, on this machine
	edgewise bench

ci:  ## what CI runs: a fresh environment, the README's commands, lint, tests
	bash .ci/run
