// In the JavaScript of 1999, since it runs where nothing else does. It looks for what the build of Grafana 12.2 uses: a browser
// that has all of it goes on by itself, whatever it calls itself; another one is told what is missing.
(function () {
  // Class static blocks, which the build has too, cannot be tried under our policy; in Safari they came with lookbehind, in
  // the others before toSorted.
  // In the order in which the page lists them, in each language: how the list begins, each feature, that cookies are missing.
  var wanted = [
    function () { return new RegExp('(?<!a)b'); },
    function () { return Object.hasOwn; },
    function () { return window.structuredClone; },
    function () { return [].findLast; },
    function () { return [].toSorted; },
    function () { return window.ResizeObserver; },
    function () { return window.CSSLayerBlockRule; },
    function () { return window.WebSocket; }
  ];
  var lists = document.getElementsByTagName('ul'), missing = [], i, there;
  for (i = 0; i < wanted.length; i++) {
    try { there = wanted[i](); } catch (e) { there = false; }
    if (!there) { missing.push(i + 1); }
  }
  function show(places) {
    var list, i;
    for (list = 0; list < lists.length; list++) {
      for (i = 0; i < places.length; i++) { lists[list].getElementsByTagName('li')[places[i]].style.display = 'list-item'; }
    }
  }
  if (missing.length) {
    show([0].concat(missing));
    return;
  }
  document.cookie = 'ddms_browser=on; path=/; max-age=31536000; secure; samesite=lax';
  if (document.cookie.indexOf('ddms_browser=on') >= 0) {
    location.reload();
  } else {  // without cookies it would come here again and again
    show([wanted.length + 1]);
  }
}());
