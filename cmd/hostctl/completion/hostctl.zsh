#compdef hostctl
# Completion of hostctl's command line for zsh; `hostctl completion zsh` prints it.
_hostctl() {
	local line value text files=''
	local -a values texts
	for line in "${(@f)$("${(Q)words[1]/#\~/$HOME}" __complete -- "${(@Q)words[2,CURRENT-1]}" "$QIPREFIX$PREFIX" 2> /dev/null)}"; do
		case $line in
		('') ;;
		(:files | :dirs) files=$line ;;
		(*)
			value=${line%%$'\t'*}
			text=${line#*$'\t'}
			values+=("$value")
			texts+=("$value${text:+  -- $text}")
			;;
		esac
	done
	(( $#values )) && compadd -l -d texts -a -- values
	if [[ -n $files ]]; then
		compset -P '-*='
		[[ $files == :dirs ]] && _files -/ || _files
	fi
}
if [[ $funcstack[1] == _hostctl ]]; then
	_hostctl "$@"
else
	compdef _hostctl hostctl
fi
