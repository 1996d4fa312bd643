# Completion of hostctl's command line for bash; `hostctl completion bash` prints it.
_hostctl() {
	# bash takes "-out=file" for three words, and file alone is what is completed.
	local words=() word join='' i
	for ((i = 1; i <= COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		if [[ ${#words[@]} -gt 0 && ($word == '=' || -n $join) ]]; then
			words[${#words[@]} - 1]+=$word
			join=''
			[[ $word == '=' ]] && join=1
		else
			words+=("$word")
		fi
	done
	local cur=${words[${#words[@]} - 1]} prefix='' line files='' quote=''
	[[ $cur == -*=* ]] && prefix=${cur%%=*}=
	COMPREPLY=()
	while IFS= read -r line; do
		case $line in
		:files) files=-f ;;
		:dirs) files=-d ;;
		*)
			line=${line%%$'\t'*}
			COMPREPLY+=("${line#"$prefix"}")
			[[ $line == *'['* ]] && quote=1
			;;
		esac
	done < <("${1/#\~/$HOME}" __complete -- "${words[@]}" 2> /dev/null)
	if [[ -n $files ]]; then
		while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen "$files" -- "${cur#"$prefix"}")
	fi
	# What has brackets and quotes in it, bash is to quote as it does names of files.
	if [[ -n $files$quote ]]; then
		compopt -o filenames 2> /dev/null
	fi
}
complete -F _hostctl hostctl
