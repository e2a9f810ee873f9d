"""Prepares with the network, then starts itself again without it and runs the cases."""

import argparse
import sys
from pathlib import Path

from . import article, browser, lonely, ministack, prepare, rgw, roles, sdks, secrecy, simulate, soak, sso, vault
from .cases import run_all
from .config import suite as config
from .judges import discovery, matrix, policies


def main() -> int:
    parser = argparse.ArgumentParser(prog="conformance/run")
    parser.add_argument("--list", action="store_true", help="name the cases and stop")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="a case, or the start of its name")
    parser.add_argument("--jobs", type=int, default=4, help="cases at the same time")
    parser.add_argument("--write", action="store_true", help="rewrite what the cases found in docs")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="write down there what config trees surprise with")
    parser.add_argument("--lonely", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()

    cases = [*sdks.CASES, *article.CASES, *ministack.CASES, *rgw.CASES, *secrecy.CASES, *simulate.CASES, *sso.CASES]
    cases += [*roles.CASES, *matrix.cases(options.write), *policies.cases(options.write), *discovery.cases(options.write)]
    cases += [*config.cases(options.write, options.keep)]
    cases += [*vault.CASES, *browser.CASES, *soak.CASES]
    for name in options.only:
        if not any(case.name.startswith(name) for case in cases):
            parser.error(f"no case is called {name}; --list names them")
    if options.only:
        cases = [case for case in cases if case.name.startswith(tuple(options.only))]
    if options.lonely and browser.why_not():
        left_out = [case for case in cases if case in browser.CASES]
        cases = [case for case in cases if case not in left_out]
        if left_out:
            print(f"skipped {len(left_out)} cases of browser/: {browser.why_not()}", flush=True)
    if options.lonely:
        for case in [case for case in cases if vault.why_not(case)]:
            cases.remove(case)
            print(f"skipped {case.name}: {vault.why_not(case)}", flush=True)
    if options.list:
        print(*(case.name for case in cases), sep="\n")
        return 0

    if not options.lonely:
        prepare.everything()
        return lonely.again(sys.argv[1:])
    lonely.bring_up_loopback()
    alone = [case for case in cases if case in soak.CASES]
    return run_all([case for case in cases if case not in alone], options.jobs, alone)


sys.exit(main())
