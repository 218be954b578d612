/** Exit code of a script that was cut off before its end: as `timeout` and container engines have it, "could not be run". */
export const CUT_OFF_EXIT_CODE = 125;

/**
 * A program for /bin/sh that runs the script at `path` once, however often it is called: who makes the `started` file runs it, others wait
 * for its end. The script itself is a file: it is not on any command line. Where the container was stopped while the script ran nobody will
 * ever say how it ended: a later call sees that the process which ran it (its id, and the kernel's time of its start) is gone.
 */
export function runOnce(path: string): string {
  return `
born() {
  read -r stat 2> /dev/null < "/proc/$1/stat" || return 1
  set -- \${stat##*) }
  echo "\${20}"
}
me=$(born $$)
if (set -C; echo "$$ $me" > ${path}.started) 2> /dev/null; then
  /bin/sh ${path} > ${path}.log 2>&1 < /dev/null
  echo $? > ${path}.exit
fi
while [ ! -s ${path}.exit ]; do
  read -r pid time < ${path}.started
  if [ -n "$me" ] && [ -n "$time" ] && [ "$(born "$pid")" != "$time" ] && [ ! -s ${path}.exit ]; then
    echo "cut off: the instance was stopped while the script ran" >> ${path}.log
    echo ${CUT_OFF_EXIT_CODE} > ${path}.exit
    break
  fi
  sleep 1
done
read -r code < ${path}.exit
exit "$code"
`;
}
