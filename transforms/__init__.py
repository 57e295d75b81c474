"""The parts of the job, usable in anyone's Beam pipeline."""
