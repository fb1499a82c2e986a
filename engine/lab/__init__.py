"""The precision lab: what int8 or int4 cost on one's own prompts, on one's own machine.

    records.py      what is asked for and what came of it
    run.py          drives one engine process after the other -> steps
    statistics.py   intervals;  conditions.py  what spoils a measurement
    verdict.py      figures -> a sentence;  report.py  -> HTML;  against.py  old against new
    threads.py      the best number of threads, measured;  sizing.py  arithmetic for a service
    harness.py      lm-evaluation-harness on Tern's engine

All but harness.py is the light half: no torch.
"""
