// In the JavaScript of 1999, since it runs where nothing else does. It looks for what the build of Grafana 12.2 uses: a browser
// that has all of it goes on by itself, whatever it calls itself; another one is told what is missing.
(function () {
  // Class static blocks, which the build has too, cannot be tried under our policy; in Safari they came with lookbehind, in
  // the others before toSorted.
  var wanted = [
    ['lookbehind in regular expressions', '正则表达式后行断言', function () { return new RegExp('(?<!a)b'); }],
    ['Object.hasOwn', 'Object.hasOwn', function () { return Object.hasOwn; }],
    ['structuredClone', 'structuredClone', function () { return window.structuredClone; }],
    ['Array.prototype.findLast', 'Array.prototype.findLast', function () { return [].findLast; }],
    ['Array.prototype.toSorted', 'Array.prototype.toSorted', function () { return [].toSorted; }],
    ['ResizeObserver', 'ResizeObserver', function () { return window.ResizeObserver; }],
    ['CSS layers', 'CSS 层叠层', function () { return window.CSSLayerBlockRule; }],
    ['websockets', 'WebSocket', function () { return window.WebSocket; }]
  ];
  var english = [], chinese = [], i, there;
  for (i = 0; i < wanted.length; i++) {
    try { there = wanted[i][2](); } catch (e) { there = false; }
    if (!there) { english.push(wanted[i][0]); chinese.push(wanted[i][1]); }
  }
  function tell(id, text) { document.getElementById(id).appendChild(document.createTextNode(text)); }
  if (english.length) {
    tell('missing-en', 'Missing here: ' + english.join(', ') + '.');
    tell('missing-zh', '此浏览器缺少：' + chinese.join('、') + '。');
    return;
  }
  document.cookie = 'ddms_browser=on; path=/; max-age=31536000; secure; samesite=lax';
  if (document.cookie.indexOf('ddms_browser=on') >= 0) {
    location.reload();
  } else {  // without cookies it would come here again and again
    tell('missing-en', 'This browser keeps no cookies. DDMS needs them for the sign-in: allow them for this address.');
    tell('missing-zh', '此浏览器不保存 Cookie。DDMS 登录需要 Cookie：请允许此地址使用 Cookie。');
  }
}());
