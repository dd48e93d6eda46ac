#!/bin/sh
cd @DIR@ || exit 1
command='cd @DIR@ && exec @LEAT@ each --plan=@DIR@/R.json --shard='
for shard in 0 1 2 3; do
    printf '%s%s\0' "$command" "$shard"
done >@DIR@/R.json.d/commands || exit 1
export PARALLEL_SHELL=/bin/sh
exec parallel --will-cite -0 --line-buffer --halt never --jobs 2 --joblog @DIR@/R.json.d/joblog --sshloginfile ./hosts <@DIR@/R.json.d/commands
