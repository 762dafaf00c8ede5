"""One Azure effect or one read per Prefect task; retries and time-outs are declared here."""
