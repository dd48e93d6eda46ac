#!/bin/sh
#SBATCH --job-name=leat-each-@ID@
#SBATCH --array=0-3%2
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=/dev/null
#SBATCH --time=60
cd @DIR@ || exit 1
log=$(printf '%s.d/shard-%04d.log' @DIR@/R.json "$SLURM_ARRAY_TASK_ID")
exec >>"$log" 2>&1
exec @LEAT@ each --plan=@DIR@/R.json --shard=auto
