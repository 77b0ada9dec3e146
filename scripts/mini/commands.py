"""Spoken commands and the action each asks for.

A template is a frame with its verb or direction filled in and its slots still open. One in eight
is for the test, by the hash of its text, so that a test wording is never seen in training though
its words are. Around it stand a greeting and an ending, which are shared.
"""
import itertools

from . import values

SPAN = {"small": (600, 400), "": (800, 200), "large": (900, 100)}


def swipe(direction, amount):
    a, b = SPAN[amount]
    start, end = {"up": ((500, a), (500, b)), "down": ((500, b), (500, a)),
                  "left": ((a, 500), (b, 500)), "right": ((b, 500), (a, 500))}[direction]
    return 'do(action="Swipe", start=[%d,%d], end=[%d,%d])' % (start + end)


def api(what):
    return 'do(action="Call_API", instruction="%s")' % what


LAUNCH, TYPE = 'do(action="Launch", app="{app}")', 'do(action="Type", text="{text}")'
BACK, HOME = 'do(action="Back")', 'do(action="Home")'
WAIT = 'do(action="Wait", duration="{seconds} seconds")'
NOTE = 'do(action="Note", message="True")'
TAKE_OVER = 'do(action="Take_over", message="{reason}")'
FINISH = 'finish(message="{text}")'

# (answer, frames, lists that a frame's %0 and %1 are filled from)
ZH = [
    (LAUNCH, ["%0{app}", "把{app}%0", "我要%0{app}", "我想%0{app}", "%0一下{app}", "给我%0{app}",
              "现在%0{app}", "%0手机上的{app}", "去%0{app}", "%0应用{app}", "%0{app}这个应用",
              "%0{app}软件", "{app}帮我%0", "直接%0{app}", "先%0{app}", "%0名叫{app}的应用"],
     [["打开", "启动", "运行", "开启", "点开", "进入", "切换到", "调出", "唤醒", "开"]]),
    (TYPE, ["%0{text}", "%0：{text}", "%0文字{text}", "在这里%0{text}", "在输入框里%0{text}",
            "在搜索栏%0{text}", "把{text}%0进去", "%0内容{text}", "光标处%0{text}", "给我%0{text}",
            "%0这句话：{text}", "%0下面的字：{text}", "往框里%0{text}", "键盘%0{text}"],
     [["输入", "填写", "写上", "打字", "键入", "填入", "录入", "敲入"]]),
    (BACK, ["%0%1", "%0到%1", "我要%0%1", "给我%0%1", "往回走，%0%1", "%0一下%1", "直接%0%1", "从这里%0%1"],
     [["返回", "退回", "回到", "后退", "倒回"], ["上一页", "上一步", "上一级", "前一页", "上个页面", "上一个界面", "前面那页"]]),
    (HOME, ["%0%1", "%0到%1", "我要%0%1", "给我%0%1", "关掉这个，%0%1", "%0一下%1", "直接%0%1", "从这里%0%1"],
     [["返回", "退回", "回到", "切到", "去"], ["桌面", "主屏幕", "主屏", "手机首页", "主界面", "桌面首屏", "手机桌面"]]),
    (WAIT, ["%0{seconds}%1", "%0{seconds}%1再说", "%0{seconds}%1再继续", "加载中，%0{seconds}%1",
            "页面没出来，%0{seconds}%1", "先%0{seconds}%1", "让它%0{seconds}%1", "%0个{seconds}%1", "再%0{seconds}%1"],
     [["等", "等待", "稍等", "暂停", "停", "等候", "歇"], ["秒", "秒钟"]]),
    (api("call: {person}"), ["%0{person}", "%0{person}吧", "我要%0{person}", "现在%0{person}", "用手机%0{person}",
                             "马上%0{person}", "%0一下{person}", "替我%0{person}", "联系人里找{person}，%0他"],
     [["打电话给", "呼叫", "拨打", "致电", "拨电话给", "打给", "电话联系"]]),
    (api("call: {phone}"), ["%0{phone}", "%0号码{phone}", "我要%0{phone}", "现在%0{phone}", "马上%0{phone}",
                            "%0一下{phone}", "替我%0{phone}", "%0这个号{phone}"],
     [["打电话给", "呼叫", "拨打", "拨", "打", "致电"]]),
    (api("message: {person}: {text}"), ["%0{person}%1{text}", "%0{person}，%1{text}", "%0{person}%1：{text}", "我要%0{person}%1：{text}",
                                        "替我%0{person}%1{text}", "现在%0{person}，%1：{text}"],
     [["发消息给", "发短信给", "发信息给", "给", "告知"], ["说", "内容是", "写", "就说", "讲"]]),
    (api("alarm: {time}"), ["%0{time}的%1", "%1%0到{time}", "{time}%0个%1", "%0一个{time}的%1", "我要{time}的%1，%0",
                            "把%1%0在{time}", "帮忙%0{time}%1", "%1时间{time}，%0好"],
     [["定", "设", "设置", "添加", "加", "开", "调"], ["闹钟", "闹铃", "起床铃", "叫醒"]]),
    (api("timer: {minutes}"), ["%0{minutes}分钟%1", "%1%0{minutes}分钟", "%0一个{minutes}分钟的%1", "用%1%0{minutes}分钟",
                               "现在%0{minutes}分钟%1", "{minutes}分钟%1，%0"],
     [["开始", "设", "启用", "来", "走"], ["倒计时", "计时", "计时器", "定时"]]),
    (api("music: {song}"), ["%0{song}", "%0歌曲{song}", "%0一首{song}", "我想%0{song}", "给我%0{song}", "%0那首{song}",
                            "%0{song}这首歌", "音乐%0{song}", "现在%0歌{song}", "%0一下{song}这首曲子"],
     [["播放", "放", "听", "来", "点播", "唱"]]),
    (api("navigate: {place}"), ["%0{place}", "我要%0{place}", "现在%0{place}", "从这里%0{place}", "%0{place}怎么走",
                                "开车%0{place}", "走路%0{place}", "规划路线%0{place}", "带我%0{place}"],
     [["导航到", "导航去", "前往", "带路到", "指路去", "出发去", "走到"]]),
    (api("volume: {percent}"), ["%1%0到{percent}", "把%1%0到{percent}", "%1%0成{percent}", "%0%1到{percent}", "%1要{percent}，%0", "现在%1%0到{percent}"],
     [["调", "设", "设置", "改", "调整", "变"], ["音量", "声音", "媒体音量", "喇叭声音"]]),
    (api("brightness: {percent}"), ["%1%0到{percent}", "把%1%0到{percent}", "%1%0成{percent}", "%0%1到{percent}", "%1要{percent}，%0", "现在%1%0到{percent}"],
     [["调", "设", "设置", "改", "调整", "变"], ["亮度", "屏幕亮度", "屏幕光", "背光"]]),
    (api("weather: {city}"), ["%0{city}的%1", "%0{city}%1", "%1%0，{city}", "{city}%1%0", "我想%0{city}%1", "%0一下{city}的%1", "%0今天{city}的%1"],
     [["查", "看看", "查询", "报一下", "问"], ["天气", "天气预报", "气温", "气象"]]),
    (NOTE, ["%0%1", "把%1%0", "%1给我%0", "我要%0%1", "现在%0%1", "先%0%1", "%0好%1", "顺手%0%1"],
     [["记下", "记录", "存下", "记住", "抄下"], ["这一页", "当前页面", "页面内容", "屏幕内容", "这页的信息", "眼前的内容"]]),
    (TAKE_OVER, ["%1%0{reason}", "这里%1%0{reason}", "停下，%1%0{reason}", "%0{reason}，%1", "交给%1，%0{reason}", "先别动，%1%0{reason}"],
     [["要", "需要", "得", "必须"], ["我自己", "用户", "本人", "机主"]]),
    (FINISH, ["%0，%1{text}", "%0，%1：{text}", "%0了，%1{text}", "%0，然后%1{text}", "%0，最后%1：{text}", "既然%0，就%1{text}"],
     [["任务完成", "任务结束", "事情办完", "全部做完", "都好了", "可以结束"], ["回复", "告诉我", "报告", "回话说", "总结为", "通知我"]]),
]

ZH_DIRECTIONS = [("up", ["向上", "往上", "朝上"]), ("down", ["向下", "往下", "朝下"]),
                 ("left", ["向左", "往左", "朝左"]), ("right", ["向右", "往右", "朝右"])]
ZH_AMOUNTS = [("small", ["一点点", "一点", "一小段", "少许"]), ("", ["", "一下", "屏幕", "页面"]),
              ("large", ["一大段", "到底", "很多", "一整屏"])]
ZH_SWIPE = ["{d}{v}{a}", "手指{d}{v}{a}", "我要{d}{v}{a}", "再{d}{v}{a}", "给我{d}{v}{a}", "屏幕{d}{v}{a}", "现在{d}{v}{a}"]
ZH_SWIPE_VERBS = ["滑", "滑动", "划", "划动"]

EN = [
    (LAUNCH, ["%0 {app}", "%0 the {app} app", "I want to %0 {app}", "%0 {app} for me", "%0 {app} now", "just %0 {app}",
              "%0 the app {app}", "go and %0 {app}", "I need to %0 {app}", "%0 the program {app}", "first %0 {app}",
              "let us %0 {app}", "%0 {app} on my phone", "%0 the app called {app}"],
     [["open", "launch", "start", "run", "fire up", "bring up", "switch to", "load", "open up", "go into"]]),
    (TYPE, ["%0 {text}", "%0: {text}", "%0 the words {text}", "%0 {text} here", "in the field %0 {text}", "in the search box %0 {text}",
            "%0 this text: {text}", "I want to %0 {text}", "with the keyboard %0 {text}", "%0 the following: {text}", "at the cursor %0 {text}",
            "just %0 {text}"],
     [["type", "enter", "write", "input", "fill in", "key in", "put in"]]),
    (BACK, ["%0 %1", "just %0 %1", "I want to %0 %1", "now %0 %1", "%0 %1 from here", "leave this and %0 %1", "quickly %0 %1"],
     [["go back to", "return to", "take me to", "get back to", "step back to"],
      ["the previous page", "the last page", "the page before", "the previous screen", "the screen before", "the step before", "the earlier page"]]),
    (HOME, ["%0 %1", "just %0 %1", "I want to %0 %1", "now %0 %1", "%0 %1 from here", "leave this and %0 %1", "quickly %0 %1"],
     [["go back to", "return to", "take me to", "get back to", "go to"],
      ["the home screen", "the desktop", "the launcher", "the main screen", "the start screen", "my home screen", "the phone's home"]]),
    (WAIT, ["%0 {seconds} %1", "%0 for {seconds} %1", "just %0 {seconds} %1", "it is loading, %0 {seconds} %1", "%0 another {seconds} %1",
            "now %0 {seconds} %1", "%0 {seconds} %1 and go on", "%0 {seconds} more %1", "let it %0 {seconds} %1"],
     [["wait", "hold on", "pause", "stay", "rest", "hang on", "sit still"], ["seconds", "sec", "secs"]]),
    (api("call: {person}"), ["%0 {person}", "%0 {person} now", "I want to %0 {person}", "just %0 {person}", "%0 {person} on the phone",
                             "find {person} and %0 them", "I need to %0 {person}", "%0 {person} for me"],
     [["call", "phone", "ring", "dial", "give a call to", "make a call to", "call up"]]),
    (api("call: {phone}"), ["%0 {phone}", "%0 {phone} now", "I want to %0 {phone}", "just %0 {phone}", "%0 the number {phone}",
                            "I need to %0 {phone}", "%0 {phone} for me"],
     [["call", "phone", "ring", "dial", "make a call to", "call up"]]),
    (api("message: {person}: {text}"), ["%0 {person} %1 {text}", "%0 {person} %1: {text}", "I want to %0 {person} %1: {text}", "just %0 {person} %1 {text}",
                                        "now %0 {person}, %1: {text}", "%0 {person} now %1: {text}"],
     [["text", "message", "write to", "send a message to", "send a text to", "drop a line to"], ["saying", "that says", "with the words", "to say", "as follows"]]),
    (api("alarm: {time}"), ["%0 %1 for {time}", "%0 %1 at {time}", "I want to %0 %1 for {time}", "at {time} %0 %1", "now %0 %1 for {time}", "just %0 %1 at {time}"],
     [["set", "add", "make", "create", "put", "schedule"], ["an alarm", "a wake-up call", "the alarm", "my alarm", "an alarm clock", "a morning alarm"]]),
    (api("timer: {minutes}"), ["%0 %1 for {minutes} minutes", "%0 %1 of {minutes} minutes", "I want to %0 %1 for {minutes} minutes", "now %0 %1 for {minutes} minutes",
                               "for {minutes} minutes %0 %1", "just %0 %1 of {minutes} minutes"],
     [["set", "start", "make", "begin", "run", "put on"], ["a timer", "a countdown", "the timer", "a cooking timer", "my timer"]]),
    (api("music: {song}"), ["%0 {song}", "%0 the song {song}", "I want to %0 the song {song}", "%0 some music, {song}", "%0 the track {song}", "just %0 the track {song}",
                            "%0 {song} on the speaker", "now %0 the tune {song}"],
     [["play", "put on", "listen to", "queue", "start playing", "sing"]]),
    (api("navigate: {place}"), ["%0 {place}", "I want you to %0 {place}", "now %0 {place}", "%0 {place} from here", "by car %0 {place}", "on foot %0 {place}",
                                "just %0 {place}", "%0 {place} the fast way"],
     [["navigate to", "take me to", "guide me to", "show the way to", "give directions to", "lead me to", "find a route to"]]),
    (api("volume: {percent}"), ["%0 %1 to {percent}", "I want to %0 %1 to {percent}", "now %0 %1 to {percent}", "%1: %0 it to {percent}", "just %0 %1 to {percent}", "%0 %1 to {percent} percent"],
     [["set", "change", "turn", "adjust", "put", "bring"], ["the volume", "the sound", "the speaker volume", "the loudness"]]),
    (api("brightness: {percent}"), ["%0 %1 to {percent}", "I want to %0 %1 to {percent}", "now %0 %1 to {percent}", "%1: %0 it to {percent}", "just %0 %1 to {percent}", "%0 %1 to {percent} percent"],
     [["set", "change", "turn", "adjust", "put", "bring"], ["the brightness", "the screen brightness", "the backlight", "the screen light"]]),
    (api("weather: {city}"), ["%0 %1 in {city}", "%0 %1 for {city}", "I want to %0 %1 in {city}", "now %0 %1 for {city}", "%0 %1 in {city} today", "for {city} %0 %1"],
     [["check", "show", "see", "tell me", "get", "look up"], ["the weather", "the forecast", "the weather report", "the temperature"]]),
    (NOTE, ["%0 %1", "now %0 %1", "I want to %0 %1", "just %0 %1", "first %0 %1", "%0 %1 for later", "%0 %1 for me"],
     [["note down", "record", "remember", "write down", "keep a note of", "take down"], ["this page", "the current page", "what is on the screen", "the page content", "what this page says"]]),
    (TAKE_OVER, ["%1 %0 {reason}", "here %1 %0 {reason}", "stop, %1 %0 {reason}", "hand over, %1 %0 {reason}", "hold it, %1 %0 {reason}", "from here %1 %0 {reason}"],
     [["must", "need to", "have to", "should", "will"], ["I", "I myself", "the user and I", "we people"]]),
    (FINISH, ["%0, %1 {text}", "%0, %1: {text}", "%0, now %1 {text}", "%0, so %1: {text}", "%0 and %1: {text}", "since %0, %1: {text}"],
     [["the task is done", "all is done", "that is it", "everything is finished", "we are finished", "the job is complete"], ["report", "answer", "tell me", "reply", "say", "let me know"]]),
]

EN_DIRECTIONS = [("up", ["up", "upwards", "to the top"]), ("down", ["down", "downwards", "to the bottom"]),
                 ("left", ["left", "to the left", "leftwards"]), ("right", ["right", "to the right", "rightwards"])]
EN_AMOUNTS = [("small", ["a little", "a bit", "slightly", "a tiny bit"]), ("", ["", "once", "now", "please"]),
              ("large", ["a lot", "all the way", "very far", "a whole screen"])]
EN_SWIPE = ["{v} {d} {a}", "I want to {v} {d} {a}", "just {v} {d} {a}", "let us {v} {d} {a}", "{v} the page {d} {a}", "{v} the screen {d} {a}", "then {v} {d} {a}"]
EN_SWIPE_VERBS = ["swipe", "slide", "flick", "drag"]

BEFORE = {"zh": ["", "", "", "", "请", "帮我", "麻烦", "你好，", "小助手，", "嗨，", "请帮我", "麻烦你", "那个，", "劳驾，", "好的，", "喂，"],
          "en": ["", "", "", "", "please ", "hey, ", "hello, ", "assistant, ", "could you please ", "okay, ", "well, ", "phone, ", "right, ", "um, "]}
AFTER = {"zh": ["", "", "", "", "。", "，谢谢", "！", "，好吗", "，可以吗", "，快点", "，拜托"],
         "en": ["", "", "", "", ".", ", please", ", thanks", "!", ", thank you", ", will you", ", quickly"]}
QUOTES = {"zh": ["“%s”", "“%s”", "「%s」", "\"%s\""], "en": ["\"%s\"", "\"%s\"", "'%s'", "“%s”"]}
QUOTED = {"app": 0.25, "text": 0.4, "song": 0.4, "person": 0.1, "place": 0.1, "city": 0.0, "reason": 0.2}


def _swipes(frames, verbs, directions, amounts):
    by_answer = {}
    for frame, verb in itertools.product(frames, verbs):
        for (d, d_words), (a, a_words) in itertools.product(directions, amounts):
            for d_word, a_word in itertools.product(d_words, a_words):
                text = frame.format(v=verb, d=d_word, a=a_word).strip()
                by_answer.setdefault(swipe(d, a), []).append(text)
    return by_answer


def _templates(lang):
    """{answer: [template, ...]}"""
    out = {}
    for answer, frames, lists in ZH if lang == "zh" else EN:
        for frame, words in itertools.product(frames, itertools.product(*lists)):
            for i, word in enumerate(words):
                frame = frame.replace("%%%d" % i, word)
            out.setdefault(answer, []).append(frame)
    swipes = (_swipes(ZH_SWIPE, ZH_SWIPE_VERBS, ZH_DIRECTIONS, ZH_AMOUNTS) if lang == "zh" else
              _swipes(EN_SWIPE, EN_SWIPE_VERBS, EN_DIRECTIONS, EN_AMOUNTS))
    return out, swipes


def _half(groups, test):
    return {answer: [t for t in texts if values.template_is_test(t) == test] for answer, texts in groups.items()}


def tables(test):
    """{lang: [[(answer, templates), ...], ...]}: actions, each a list of its answers."""
    out = {}
    for lang in ("zh", "en"):
        actions, swipes = _templates(lang)
        swipes = _half(swipes, test)
        actions = _half(actions, test)
        table = [[item] for item in sorted(actions.items())]
        table.append(sorted(swipes.items()))
        # What is met most often on a phone weighs more.
        heavy = [g for g in table if g[0][0] in (LAUNCH, TYPE, api("message: {person}: {text}"))]
        out[lang] = table + heavy + [g for g in heavy if g[0][0] == LAUNCH]
    return out


# How often an action stands in the table where not once: what is hard, because its values are open or two.
HARD = {LAUNCH: 4, TYPE: 2, TAKE_OVER: 2, api("message: {person}: {text}"): 4, api("call: {person}"): 2}


def weighted(table):
    """The same with more of what is hard."""
    return {lang: [group for answer, group in {g[0][0]: g for g in groups}.items() for _ in range(HARD.get(answer, 1))]
            for lang, groups in table.items()}


def slots_of(template):
    return [p.split("}")[0] for p in template.split("{")[1:]]


def fill(r, lang, template, answer, make):
    """Prompt and answer; make(kind) gives a value."""
    found = {}
    for kind in slots_of(template):
        value = make(kind)
        shown = r.pick(QUOTES[lang]) % value if r.chance(QUOTED.get(kind, 0.0)) else value
        template = template.replace("{%s}" % kind, shown, 1)
        answer = answer.replace("{%s}" % kind, value, 1)
        found[kind] = value
    return template, answer, found


def command(r, table, test, make=None):
    """One example: (lang, prompt, answer, template, values). make(r, kind, lang): its values."""
    make = make or (lambda r, kind, lang: values.make(r, kind, lang, test))
    lang = "zh" if r.chance(0.5) else "en"
    answer, templates = r.pick(r.pick(table[lang]))
    template = r.pick(templates)
    text, answer, found = fill(r, lang, template, answer, lambda kind: make(r, kind, lang))
    return lang, r.pick(BEFORE[lang]) + text + r.pick(AFTER[lang]), answer, template, list(found.values())


# ---- out of distribution: other words, two languages in one sentence, odd values ----

OOD = {
    "zh": [(LAUNCH, ["我现在想看看{app}", "{app}在哪，点进去", "请将{app}唤起", "把{app}弄出来用用", "换成{app}", "帮忙open一下{app}"]),
           (TYPE, ["帮我把这几个字打上去：{text}", "输入框填{text}就行", "照着写：{text}", "type一下{text}", "把这段话敲进去，{text}"]),
           (BACK, ["不对，回刚才那页", "退出这页", "这页不看了，返回", "back一下"]),
           (HOME, ["我想看桌面", "回主页面去", "home一下，回桌面"]),
           (WAIT, ["别急，等个{seconds}秒", "网慢，{seconds}秒以后再动", "wait {seconds}秒"]),
           (api("call: {person}"), ["我有事找{person}，拨个电话", "帮我接通{person}", "call一下{person}"]),
           (api("message: {person}: {text}"), ["跟{person}说一声：{text}", "微信上给{person}留言：{text}", "message {person}，说{text}"]),
           (api("alarm: {time}"), ["{time}叫我起床", "明天{time}喊醒我", "alarm定在{time}"]),
           (api("music: {song}"), ["想听听{song}这首歌了", "来点音乐，{song}", "play一首{song}"]),
           (api("navigate: {place}"), ["{place}怎么去，导航", "我得赶去{place}，指路", "navigate到{place}"]),
           (api("weather: {city}"), ["{city}今天会下雨吗，看看天气", "出差去{city}，天气如何"])],
    "en": [(LAUNCH, ["let me see {app}", "get {app} running", "pull up {app} would you", "I feel like using {app}", "打开 {app} please"]),
           (TYPE, ["put these words down: {text}", "the box should read {text}", "please jot {text} in the box", "输入 {text} please"]),
           (BACK, ["no, the page I was on before", "back up one page", "undo that and return"]),
           (HOME, ["show me my desktop", "home please", "get me out to the home screen"]),
           (WAIT, ["give it {seconds} seconds", "do nothing for {seconds} seconds", "等 {seconds} seconds"]),
           (api("call: {person}"), ["get {person} on the line", "I have to talk to {person}, call", "打电话给 {person} now"]),
           (api("message: {person}: {text}"), ["let {person} know by text: {text}", "shoot {person} a message: {text}", "发消息给 {person}: {text}"]),
           (api("alarm: {time}"), ["wake me at {time}", "I must be up by {time}, alarm please", "闹钟 {time}"]),
           (api("music: {song}"), ["I would love to hear {song}", "some music please: {song}", "播放 {song} now"]),
           (api("navigate: {place}"), ["how do I get to {place}", "route to {place}", "导航到 {place} now"]),
           (api("weather: {city}"), ["will it rain in {city}, weather", "what is the weather like in {city}"])],
}


def ood(r):
    lang = "zh" if r.chance(0.5) else "en"
    answer, templates = r.pick(OOD[lang])
    template = r.pick(templates)

    def make(kind):
        return values.odd(r, kind, lang) if r.chance(0.5) else values.make(r, kind, lang, True)
    text, answer, found = fill(r, lang, template, answer, make)
    return lang, text, answer, template, list(found.values())
