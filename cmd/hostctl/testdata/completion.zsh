# Types into an interactive shell on a terminal of its own and prints what then stands on its command line:
# completion.zsh SHELL KEYS...
zmodload zsh/zpty
case $1 in
zsh)
	shell='zsh -f -i'
	setup='PROMPT=; autoload -Uz compinit; compinit -u -D; source <(hostctl completion zsh);
		show() { print -r -- "LINE<$BUFFER>END"; BUFFER= }; zle -N show; bindkey "^X" show; print REA""DY'
	;;
bash)
	shell='bash --norc -i'
	setup='PS1=; bind "set enable-bracketed-paste off"; source <(hostctl completion bash);
		bind -x "\"\\C-x\": echo \"LINE<\$READLINE_LINE>END\"; READLINE_LINE="; echo REA""DY'
	;;
esac
zpty t "$shell"
zpty -w t "${setup//[$'\n\t']/ }"
zpty -r -m t out '*READY*' || exit 1
for keys in "${@:2}"; do
	zpty -w -n t "$keys"$'\x18'
	zpty -r -m t out '*LINE<*>END*' || exit 1
	out=${out##*LINE<}
	print -r -- "${out%%>END*}"
done
