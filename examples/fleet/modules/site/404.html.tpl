<!doctype html>
<title>${title}</title>
<p>${title}: there is no such page.</p>
