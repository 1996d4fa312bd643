# Completion of hostctl's command line for fish; `hostctl completion fish` prints it.
function __hostctl_complete
    set -l words (commandline -opc)
    set -l program $words[1]
    set -e words[1]
    set -l current (commandline -ct)
    for line in ($program __complete -- $words "$current" 2> /dev/null)
        switch $line
            case :files :dirs
                set -l prefix (string match -r -- '^-[^=]*=' $current)
                for path in (complete -C "'' "(string escape -- (string replace -- "$prefix" '' $current)))
                    if test $line = :files; or string match -q -r '/(\t|$)' -- $path
                        echo "$prefix$path"
                    end
                end
            case '*'
                echo $line
        end
    end
end
complete -c hostctl -f -a '(__hostctl_complete)'
