"""Cranks turn the table of stages; around them stands who starts one, watches it and tells of it.

- cranks: loop (one fact through the stages), pace (when), past (history first), replay, record
- one instance: instance (first moment to last), host (what is under way), tenure (who holds the home), keeper (Chroma),
  timekeeping, troubles, watchdog, disk, allocator, diary (log file), farewell (told to stop), worlds (which market),
  post_office
- command line: start, cli, usage, completions, lines; screen, keys, terminal, browser while it runs
- doctor and its findings: doctor_keys, doctor_models, doctor_discord, doctor_aws
- what is read of a ledger: figures, report, report_words, report_page, export, library, brain, vitals, costs
- HTTP: api, questions, actions, public, heard, web
- AWS: container, aws_lambda, aws_memory, aws_notify, aws_sockets, aws_api, remote, aws_words
"""
