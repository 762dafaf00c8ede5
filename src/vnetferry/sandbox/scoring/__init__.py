"""Online scoring: a process for each deployment, the traffic between them, and the networks around them."""
