"""Which build a file of tests is about. ./check runs most of them on the one with sanitizers, in which a program takes ten times as long
to start and to end, and these on the one that users get: they start very many programs, or wait for those of others, or look at
what a process is like (its memory, its rights, its time), and what they send is not meant to break a parser."""

PLAIN = set("""
test_caa_again test_caa_evidence test_ceremony test_channels test_check test_client_acmesh test_client_acmesh_load test_client_agent_tls
test_client_cairn_ca test_client_chains test_client_clock test_client_completion test_client_confine test_client_deploy test_client_dns_01
test_client_dns_drafts test_client_dns_many test_client_dns_test test_client_examples test_client_export test_client_faults
test_client_hooks test_client_hooks_peers test_client_import test_client_kills test_client_locks test_client_processes
test_client_real_ports test_client_scenarios test_client_secrets test_client_systemd test_clock test_faults test_foreign_clients
test_foreign_dns_01 test_foreign_tls_alpn_01 test_hierarchy test_judges test_kill test_killed_signing test_manual test_mistakes
test_ocsp test_quorum test_rate_limits test_readme test_real_ports test_restarts test_retention test_revoke_command test_rollover
test_star test_stress test_transparency test_validator
""".split())
