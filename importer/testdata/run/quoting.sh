docker run --name q -e 'QUOTE=it'\''s "fine" ${HOME} %{if true}' -e "NL=a\\nb" -e TAB=$'x' busybox sh -c 'while :; do printf "%s\n" "$(date)"; sleep 5; done'
