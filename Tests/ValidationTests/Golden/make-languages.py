"""Makes languages.jsonl: short texts, and what pycld2 (CLD2 with its full tables) says of each; see PROVENANCE.md."""

import json
import os

import pycld2

TEXTS = """weather today
capital of france
mera naam kya hai
aap kaise hain dost
погода москва
погода в москве завтра
def foo(x): return x+1
SELECT * FROM t WHERE id=3
best pizza near me now
new york times
how do plants make their food
Wie wird das Wetter morgen in Berlin?
wetter morgen
quel temps fait-il demain à Paris
météo paris
¿Cuándo empieza la escuela este año?
tiempo mañana madrid
previsão do tempo para amanhã em Lisboa
che tempo fa domani a Roma
wat voor weer wordt het morgen in Amsterdam
hur blir vädret i Stockholm i morgon
millainen sää on huomenna Helsingissä
hvordan bliver vejret i morgen i København
jaka będzie jutro pogoda w Warszawie
jaké bude zítra počasí v Praze
milyen idő lesz holnap Budapesten
cum va fi vremea mâine la București
yarın İstanbul'da hava nasıl olacak
hava durumu istanbul
ποιος είναι ο καιρός αύριο στην Αθήνα
яка погода буде завтра у Києві
погода київ
какво ще бъде времето утре в София
明天北京的天气怎么样
明天台北的天氣怎麼樣
明日の東京の天気はどうですか
내일 서울 날씨가 어때요
อากาศพรุ่งนี้ที่กรุงเทพเป็นอย่างไร
thời tiết ngày mai ở Hà Nội thế nào
bagaimana cuaca besok di Jakarta
כיצד יהיה מזג האוויר מחר בתל אביב
كيف سيكون الطقس غدا في القاهرة
هوای فردای تهران چطور است
कल दिल्ली में मौसम कैसा रहेगा
কাল ঢাকার আবহাওয়া কেমন থাকবে
நாளை சென்னையில் வானிலை எப்படி இருக்கும்
hali ya hewa kesho mjini Nairobi itakuwaje
kia ora e te whānau
lorem ipsum dolor sit amet
ok
12345
iphone 15 pro max price""".splitlines()

here = os.path.dirname(os.path.abspath(__file__))
with open(f"{here}/languages.jsonl", "w") as file:
    for text in TEXTS:
        isReliable, _, found = pycld2.detect(text)
        code = found[0][1] if isReliable and found[0][1] != "un" else ""
        file.write(json.dumps({"text": text, "code": code}, ensure_ascii=False) + "\n")
