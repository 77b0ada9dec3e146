"""Word lists that the generator composes values from. Data only."""

# ---- Chinese ----

ZH_SURNAMES = list("王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段钱汤尹黎易常武乔贺赖龚文")
ZH_GIVEN = list("伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰红建国志文辉力永健世广义兴良海山仁波宁贵福生龙元全胜学祥才发成新利清飞彬富顺信子雪荣爱妹香月莺媛瑞凡佳嘉琼勤珍贞莉蓉眉君琴薇菁梦岚苑婕馨瑶怡婵雁纨仪荷丹蓉眉雨晨浩宇轩梓涵诗欣然睿泽昊天思远")
ZH_TITLES = ["老师", "经理", "医生", "师傅", "阿姨", "叔叔", "同学", "律师", "教练", "主任", "总", "姐", "哥"]
ZH_KIN = ["妈妈", "爸爸", "爷爷", "奶奶", "外婆", "外公", "姐姐", "哥哥", "弟弟", "妹妹", "老婆", "老公", "舅舅", "姑姑", "表哥", "房东", "物业", "快递员", "楼下的面馆", "班长", "邻居", "同桌", "保姆", "司机", "老板"]
ZH_APPS = ["微信", "支付宝", "淘宝", "京东", "美团", "抖音", "快手", "微博", "知乎", "豆瓣", "小红书", "高德地图", "百度地图", "腾讯视频", "爱奇艺", "优酷", "哔哩哔哩", "网易云音乐", "酷狗音乐", "喜马拉雅", "饿了么", "拼多多", "滴滴出行", "携程旅行", "去哪儿", "飞猪", "大众点评", "钉钉", "飞书", "企业微信", "腾讯会议", "日历", "相机", "相册", "备忘录", "计算器", "时钟", "天气", "设置", "文件管理", "录音机", "浏览器", "应用商店", "通讯录", "短信", "邮箱", "铁路12306", "盒马", "闲鱼", "今日头条", "西瓜视频", "剪映", "美图秀秀", "墨迹天气", "得到", "猫眼", "作业帮", "掌上公交", "同花顺", "健康", "钱包", "手电筒", "指南针", "词典", "阅读", "运动", "云盘", "扫一扫", "语音助手", "游戏中心"]
ZH_APP_TAILS = ["地图", "音乐", "日历", "助手", "视频", "阅读", "天气", "相机", "笔记", "商城", "外卖", "出行", "健身", "课堂", "银行", "新闻", "游戏", "电台", "词典", "邮箱", "浏览器", "直播"]
ZH_PLACE_TAILS = ["路", "站", "公园", "医院", "大厦", "机场", "小学", "商场", "广场", "图书馆", "火车站", "体育馆", "酒店", "博物馆", "超市", "大学", "码头", "菜市场", "地铁站", "银行", "花园", "村", "桥", "影院", "中学"]
ZH_CITIES = ["北京", "上海", "广州", "深圳", "成都", "杭州", "武汉", "西安", "南京", "重庆", "天津", "苏州", "长沙", "青岛", "大连", "厦门", "昆明", "哈尔滨", "郑州", "济南", "福州", "合肥", "南昌", "贵阳", "兰州", "太原", "海口", "三亚", "拉萨", "桂林", "洛阳", "无锡", "宁波", "温州", "珠海", "丽江", "大理", "烟台", "徐州", "长春", "沈阳", "石家庄", "银川", "西宁", "绍兴", "嘉兴", "扬州", "泉州"]
ZH_NOUNS = ["会议", "报告", "快递", "机票", "文件", "晚饭", "电影", "合同", "照片", "钥匙", "雨伞", "牛奶", "水果", "作业", "生日", "礼物", "发票", "行李", "药", "咖啡", "面包", "鸡蛋", "电脑", "手机", "书", "衣服", "孩子", "车", "房租", "水电费", "门票", "护照", "成绩单", "鲜花", "蛋糕", "牙医", "猫粮", "充电器", "耳机", "课本", "球票", "菜单"]
ZH_VERBS = ["拿", "买", "送", "取", "看", "准备", "整理", "检查", "带", "订", "修", "寄", "还", "写", "改", "查", "找", "洗", "交", "打印"]
ZH_WHO = ["我", "你", "他", "她", "我们", "你们", "大家", "老师", "妈妈", "经理", "同事", "客户", "孩子", "司机"]
ZH_WHEN = ["今天", "明天", "后天", "今晚", "明早", "周末", "下周一", "下周三", "周五", "月底", "中午", "下午", "晚上", "早上", "十点", "八点半", "等会儿", "一会儿", "下班后", "放学后", "饭后", "年底"]
ZH_ENDS = ["", "", "", "了", "吗", "可以吗", "别忘了", "不用急", "记得", "好不好", "谢谢", "辛苦了"]
ZH_MODAL = ["要", "会", "想", "能", "应该", "得", "先", "再", "马上", "已经", "不用", "可以"]
ZH_REASONS = ["登录账号", "输入密码", "付款", "输入验证码", "扫脸", "实名认证", "滑动拼图", "选择座位", "确认订单", "签名", "上传证件", "按指纹", "同意条款", "选择收货地址", "绑定银行卡", "填写身份证号", "完成支付", "人脸识别", "刷卡", "解锁屏幕"]
# Common characters for made-up names, so that copying does not lean on known words.
ZH_CHARS = list(dict.fromkeys(
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机十民第公此已工使情明性知全三又关点正业外将两高间由问很最重并物手应战向头文体政美相见被利什二等产或新己制身果加西斯月话合回特代内信表化老给世位次度门任常先海通教儿原东声提立及比员解水名真论处走义各入几口认条平系气题活尔更别打女变四神总何电数安少报才结反受目太量再感建务做接必场件计管期市直德资命山金指克许统区保至队形社便空决治展马科司五基眼书非则听白却界达光放强即像难且权思王象完设式色路记南品住告类求据程北边死张该交规万取拉格望觉术领共确传师观清今切院让识候带导争运笔旗灯草花鱼鸟虫树叶云雨雪风河湖江岛石沙火木土星夜春夏秋冬红蓝绿黄紫黑银铜铁珠宝玉竹松梅兰菊桃李杏梨瓜豆米面茶酒糖盐油饭菜肉蛋奶车船飞桥楼房窗床桌椅灯镜钟表笔纸墨琴棋画歌舞诗词童梦雾露霜虹雷冰泉溪塔城村镇街巷店铺港湾峰谷林森野牧羊牛狗猫兔虎狮象鹿熊鹰燕雀蝶蜂龟贝晴朗暖凉快慢轻软甜酸苦辣香远近深浅宽窄圆尖古新早晚东南"))
# Words that may follow a name in a sentence are not part of made-up names.
NEVER_IN_NAMES = "的了吧说写讲给就是歌曲首他一下个这那用怎住"
ZH_CHARS = [c for c in ZH_CHARS if c not in NEVER_IN_NAMES]

# Characters of the lists, so that copying is learned for those too that a list has once.
ZH_LISTED = sorted({c for text in ZH_APPS + ZH_APP_TAILS + ZH_PLACE_TAILS + ZH_CITIES + ZH_NOUNS + ZH_VERBS + ZH_KIN
                    + ZH_REASONS for c in text if "\u4e00" <= c <= "\u9fff" and c not in NEVER_IN_NAMES})

# ---- English ----

EN_FIRST = ["Alice", "Tom", "Ann", "Maria", "David", "Emma", "James", "Olivia", "Noah", "Lucas", "Mia", "Ethan", "Sophie", "Jack", "Grace", "Henry", "Chloe", "Oscar", "Lily", "Leo", "Ruby", "Max", "Ella", "Sam", "Nora", "Ben", "Zoe", "Adam", "Kate", "Paul", "Rosa", "Ivan", "Lena", "Omar", "Priya", "Chen", "Yuki", "Pedro", "Greta", "Hugo", "Nina", "Carl", "Iris", "Felix", "Clara", "Victor", "Amy", "George", "Helen", "Peter", "Laura", "Simon", "Julia", "Martin", "Eva", "Walter", "Diana", "Frank", "Irene", "Louis"]
EN_LAST = ["Baker", "Lee", "Smith", "Brown", "Jones", "Walker", "Young", "Hill", "Green", "Wood", "Clark", "Lopez", "Khan", "Novak", "Berg", "Rossi", "Kim", "Patel", "Meyer", "Silva", "Costa", "Moore", "Evans", "Reed", "Cook", "Bell", "Ward", "Gray", "Price", "Ross"]
EN_KIN = ["Mum", "Dad", "Grandma", "Grandpa", "my sister", "my brother", "the landlord", "the dentist", "my wife", "my husband", "Aunt May", "Uncle Bob", "the office", "the plumber", "my boss", "the neighbour", "the school", "the vet", "my coach", "the taxi driver"]
EN_APPS = ["WhatsApp", "Spotify", "YouTube", "Gmail", "Instagram", "Facebook", "Telegram", "Signal", "Uber", "Lyft", "Netflix", "Twitter", "Reddit", "Amazon", "eBay", "PayPal", "Slack", "Zoom", "Teams", "Outlook", "Chrome", "Firefox", "Maps", "Camera", "Calendar", "Notes", "Photos", "Settings", "Clock", "Weather", "Calculator", "Messages", "Contacts", "Phone", "Files", "Recorder", "Wallet", "Health", "Shazam", "Duolingo", "Strava", "Booking", "Airbnb", "Discord", "TikTok", "Snapchat", "Pinterest", "LinkedIn", "Kindle", "Audible", "Dropbox", "Evernote", "Trello", "Notion", "Waze", "Tinder", "Twitch", "Steam", "VLC", "Podcasts", "Play Store", "Google Maps", "Apple Music", "Google Drive"]
EN_APP_TAILS = ["Maps", "Music", "Notes", "Mail", "Chat", "Pay", "Go", "Fit", "Bank", "News", "TV", "Radio", "Cam", "Shop", "Cloud", "Play", "Weather", "Reader", "Drive", "Lite"]
EN_PLACE_TAILS = ["Street", "Station", "Park", "Hospital", "Airport", "Road", "Square", "Library", "Museum", "Hotel", "Bridge", "Market", "School", "Avenue", "Gym", "Tower", "Cafe", "Beach", "Mall", "Harbour"]
EN_CITIES = ["London", "Paris", "Berlin", "Madrid", "Rome", "Vienna", "Oslo", "Dublin", "Lisbon", "Prague", "Warsaw", "Athens", "Cairo", "Tokyo", "Seoul", "Delhi", "Mumbai", "Sydney", "Toronto", "Chicago", "Boston", "Denver", "Austin", "Seattle", "Miami", "Lima", "Bogota", "Nairobi", "Lagos", "Helsinki", "Zurich", "Geneva", "Munich", "Hamburg", "Lyon", "Milan", "Naples", "Porto", "Kyoto", "Osaka", "Manila", "Jakarta", "Hanoi", "Bangkok", "Singapore", "Dubai", "Leeds", "Bristol"]
EN_NOUNS = ["meeting", "report", "parcel", "ticket", "file", "dinner", "movie", "contract", "photo", "key", "umbrella", "milk", "fruit", "homework", "birthday", "gift", "invoice", "luggage", "coffee", "bread", "laptop", "phone", "book", "jacket", "car", "rent", "passport", "cake", "dentist", "charger", "garden", "train", "lesson", "match", "menu", "budget", "letter", "flight", "lunch", "party"]
EN_VERBS = ["bring", "buy", "send", "collect", "check", "prepare", "clean", "book", "fix", "post", "return", "write", "change", "find", "wash", "print", "paint", "order", "cancel", "move"]
EN_WHO = ["I", "you", "we", "they", "everyone", "the team", "the kids", "my boss", "our guests", "the driver", "he", "she"]
EN_WHEN = ["today", "tomorrow", "tonight", "on Monday", "on Friday", "next week", "at noon", "after work", "this evening", "before lunch", "in the morning", "at eight", "soon", "later", "on the weekend", "next month"]
EN_MODAL = ["will", "can", "should", "must", "may", "need to", "want to", "could", "have to"]
EN_REASONS = ["log in", "enter the password", "pay", "type the code", "scan my face", "solve the puzzle", "pick a seat", "confirm the order", "sign", "upload the document", "use the fingerprint", "accept the terms", "choose an address", "add a card", "check the captcha", "unlock the screen", "approve the transfer", "verify the account"]
EN_ONSETS = ["b", "br", "ch", "d", "dr", "f", "fl", "g", "gr", "h", "j", "k", "kl", "l", "m", "n", "p", "pl", "qu", "r", "s", "st", "t", "tr", "v", "w", "y", "z"]
EN_VOWELS = ["a", "e", "i", "o", "u", "ai", "ea", "ee", "io", "ou"]
EN_CODAS = ["", "", "", "n", "r", "l", "s", "lt", "m", "nd", "rd", "lk", "mp", "ng"]

# ---- screens ----

# What is meant: labels it may carry on a screen, and ways to describe it without its label.
ZH_CONCEPTS = [
    (["搜索", "查找", "搜一搜"], ["找东西的地方", "放大镜图标", "能查内容的入口"]),
    (["设置", "偏好设置", "系统设置"], ["改选项的地方", "齿轮图标", "调参数的入口"]),
    (["返回", "后退", "上一页"], ["回到前面的箭头", "往回走的按钮", "左上角的箭头"]),
    (["购物车", "我的购物车", "购物袋"], ["放着要买的商品的地方", "小推车图标", "准备结账的商品列表"]),
    (["发送", "发出", "寄出"], ["把消息传出去的按钮", "纸飞机图标", "让对方收到的按钮"]),
    (["删除", "移除", "清除"], ["去掉这一条的按钮", "垃圾桶图标", "不要它的按钮"]),
    (["收藏", "加入收藏", "标星"], ["留着以后看的按钮", "五角星图标", "放进书签的按钮"]),
    (["分享", "转发", "共享"], ["给别人看的按钮", "传给朋友的入口", "带箭头的方框图标"]),
    (["确定", "确认", "好的"], ["表示同意的按钮", "对勾图标", "就这样办的按钮"]),
    (["取消", "算了", "不了"], ["表示放弃的按钮", "叉号图标", "不做这件事的按钮"]),
    (["登录", "登入", "立即登录"], ["进账号的按钮", "用账号进去的入口", "验证身份的按钮"]),
    (["我的", "个人中心", "我"], ["看自己资料的页面", "头像图标", "自己的主页"]),
    (["拍照", "照相", "拍摄"], ["用镜头的按钮", "按快门的地方", "照一张的按钮"]),
    (["播放", "开始播放", "继续播放"], ["让音乐响起来的按钮", "三角形图标", "放出声音的按钮"]),
    (["暂停", "停止播放", "停一下"], ["让音乐停下的按钮", "两条竖线图标", "不再出声的按钮"]),
    (["下载", "保存到本地", "离线保存"], ["存到手机里的按钮", "向下的箭头图标", "没网也能看的按钮"]),
    (["评论", "留言", "写评论"], ["发表看法的地方", "气泡图标", "说两句的入口"]),
    (["点赞", "赞", "喜欢"], ["表示支持的按钮", "大拇指图标", "夸一下的按钮"]),
    (["添加", "新建", "创建"], ["多加一个的按钮", "加号图标", "做个新的的入口"]),
    (["更多", "更多选项", "其他"], ["藏着别的功能的菜单", "三个点图标", "展开菜单的按钮"]),
    (["消息", "通知", "提醒"], ["看新动态的地方", "铃铛图标", "有红点的入口"]),
    (["立即支付", "去付款", "结账"], ["掏钱的按钮", "把钱付掉的入口", "买单的按钮"]),
    (["客服", "联系客服", "在线客服"], ["找人帮忙的入口", "耳机图标", "投诉的地方"]),
    (["刷新", "重新加载", "更新"], ["再取一遍内容的按钮", "转圈的箭头图标", "换一批内容的按钮"]),
]
EN_CONCEPTS = [
    (["Search", "Find", "Look up"], ["the magnifying glass", "the place to look for things", "the thing that finds content"]),
    (["Settings", "Preferences", "Options"], ["the gear icon", "the place to change options", "the thing that configures the app"]),
    (["Back", "Previous", "Go back"], ["the left arrow", "the way to the page before", "the thing that leaves this page"]),
    (["Cart", "Basket", "My bag"], ["the trolley icon", "the place with goods to buy", "the list of what I will pay for"]),
    (["Send", "Submit", "Deliver"], ["the paper plane", "the thing that gets the text out", "what makes my words go to them"]),
    (["Delete", "Remove", "Erase"], ["the trash can", "the thing that gets rid of it", "what throws this away"]),
    (["Favorite", "Save", "Bookmark"], ["the star icon", "the thing that keeps it for later", "what puts it among my picks"]),
    (["Share", "Forward", "Repost"], ["the way to show it to others", "the box with an arrow", "what passes it to friends"]),
    (["OK", "Confirm", "Yes"], ["the check mark", "the way to agree", "what says it is fine"]),
    (["Cancel", "No", "Dismiss"], ["the cross icon", "the way to give up", "what says I do not want it"]),
    (["Log in", "Sign in", "Enter account"], ["the way into my account", "the thing that checks who I am", "what lets me in"]),
    (["Profile", "Me", "My account"], ["the portrait icon", "the page about myself", "my own page"]),
    (["Camera", "Take photo", "Shoot"], ["the lens icon", "the thing that makes a picture", "what captures the scene"]),
    (["Play", "Start playing", "Resume"], ["the triangle icon", "the thing that makes music sound", "what starts the song"]),
    (["Pause", "Stop playing", "Halt"], ["the two bars", "the thing that makes music silent", "what stops the song"]),
    (["Download", "Save offline", "Get file"], ["the down arrow", "the thing that keeps it on the phone", "what makes it work without network"]),
    (["Comment", "Reply", "Write a note"], ["the speech bubble", "the place to say an opinion", "where I can write my view"]),
    (["Like", "Upvote", "Thumbs up"], ["the thumb icon", "the way to show support", "what praises the post"]),
    (["Add", "New", "Create"], ["the plus sign", "the thing that makes one more", "what begins a fresh one"]),
    (["More", "More options", "Other"], ["the three dots", "the menu with hidden functions", "what opens the extra menu"]),
    (["Messages", "Alerts", "Notifications"], ["the bell icon", "the place with what is new", "where the red dot is"]),
    (["Pay now", "Checkout", "Buy"], ["the way to spend the money", "the thing that settles the bill", "what completes the purchase"]),
    (["Help", "Support", "Contact us"], ["the headset icon", "the place to get assistance", "where I can complain"]),
    (["Refresh", "Reload", "Update"], ["the circling arrow", "the thing that gets the content again", "what renews the page"]),
]
ZH_TYPES = ["按钮", "标签", "输入框", "开关", "图片", "链接", "文字", "列表项"]
EN_TYPES = ["button", "tab", "field", "switch", "image", "link", "text", "item"]
