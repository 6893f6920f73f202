"""Which build a file of tests is about. ./check runs most of them on the one with sanitizers, in which a program takes ten times as long
to start and to end, and these on the one that users get: they start very many programs, or wait for those of others, or look at
what a process is like (its memory, its rights, its time), and what they send is not meant to break a parser."""

PLAIN = set("""
test_admin test_ak_enrolment test_audit test_audit_load test_caa_again test_caa_evidence test_ceremony test_channels test_check
test_client_acmesh test_client_acmesh_load test_client_agent_tls test_client_cairn_ca test_client_chains test_client_changes test_client_clock
test_client_completion test_client_confine test_client_cuts test_client_deploy test_client_dns_01 test_client_dns_drafts test_client_dns_many
test_client_dns_test test_client_examples test_client_examples_run test_client_export test_client_fallback test_client_faults test_client_habits test_client_hooks
test_client_hooks_peers test_client_key_devices test_client_kills test_client_lines test_client_locks test_client_notify test_client_plan
test_client_preflight test_client_processes test_client_real_ports test_client_scenarios test_client_secrets test_client_systemd
test_client_web_servers test_clock test_crl test_device_block test_device_cairn_ca test_device_inventory test_device_piv test_device_tpm
test_evidence test_faults test_foreign_clients test_foreign_dns_01 test_foreign_tls_alpn_01 test_hierarchy test_house test_issuer_choice
test_judges test_key_change test_kill test_killed_signing test_manual test_mistakes test_ocsp test_perspective_relay test_perspectives
test_quorum test_rate_limits test_readme test_real_ports test_restarts test_retention test_reuse test_revocation test_revoke_command
test_rollover test_star test_star_directories test_stress test_terms test_tokens test_transparency test_validator test_validity
""".split())

# Files that take long come first, so that no worker is left with one when the others have ended.
LONG = """test_faults test_client_faults test_foreign_clients test_real_ports test_client_import test_client_acmesh test_judges test_hierarchy
test_rollover test_client_rules test_client_account test_client_hostile test_tokens test_revocation test_device_tpm test_perspectives
test_client_renewal test_house test_crl test_client_key_devices test_ak_enrolment test_client_pebble test_admin""".split()


def order(item):
    """For a sort that leaves the others, and the tests of one file, as they are."""
    return LONG.index(item.path.stem) if item.path.stem in LONG else len(LONG)
