"""Four sentences in ten languages: line i of one language says what line i of every other says."""

SENTENCES = {
    "en": [
        "The river Danube flows through Vienna and Budapest.",
        "She bought a new computer for her daughter yesterday.",
        "The football team lost the final after extra time.",
        "Doctors recommend drinking enough water in hot weather.",
    ],
    "de": [
        "Die Donau fließt durch Wien und Budapest.",
        "Sie kaufte gestern einen neuen Computer für ihre Tochter.",
        "Die Fußballmannschaft verlor das Finale nach Verlängerung.",
        "Ärzte empfehlen, bei heißem Wetter genug Wasser zu trinken.",
    ],
    "es": [
        "El río Danubio pasa por Viena y Budapest.",
        "Ayer compró un ordenador nuevo para su hija.",
        "El equipo de fútbol perdió la final después de la prórroga.",
        "Los médicos recomiendan beber suficiente agua cuando hace calor.",
    ],
    "nl": [
        "De rivier de Donau stroomt door Wenen en Boedapest.",
        "Ze kocht gisteren een nieuwe computer voor haar dochter.",
        "Het voetbalteam verloor de finale na verlenging.",
        "Artsen raden aan om bij warm weer genoeg water te drinken.",
    ],
    "ar": [
        "يمر نهر الدانوب عبر فيينا وبودابست.",
        "اشترت أمس حاسوبا جديدا لابنتها.",
        "خسر فريق كرة القدم المباراة النهائية بعد الوقت الإضافي.",
        "ينصح الأطباء بشرب كمية كافية من الماء في الطقس الحار.",
    ],
    "hi": [
        "डेन्यूब नदी वियना और बुडापेस्ट से होकर बहती है।",
        "उसने कल अपनी बेटी के लिए एक नया कंप्यूटर खरीदा।",
        "फुटबॉल टीम अतिरिक्त समय के बाद फाइनल हार गई।",
        "डॉक्टर गर्म मौसम में पर्याप्त पानी पीने की सलाह देते हैं।",
    ],
    "zh": [
        "多瑙河流经维也纳和布达佩斯。",
        "她昨天给女儿买了一台新电脑。",
        "足球队在加时赛后输掉了决赛。",
        "医生建议在炎热的天气里多喝水。",
    ],
    "ko": [
        "다뉴브강은 빈과 부다페스트를 지나 흐른다.",
        "그녀는 어제 딸에게 새 컴퓨터를 사 주었다.",
        "축구팀은 연장전 끝에 결승전에서 졌다.",
        "의사들은 더운 날씨에 물을 충분히 마시라고 권한다.",
    ],
    "ru": [
        "Река Дунай протекает через Вену и Будапешт.",
        "Вчера она купила дочери новый компьютер.",
        "Футбольная команда проиграла финал в дополнительное время.",
        "Врачи советуют пить достаточно воды в жаркую погоду.",
    ],
    "tr": [
        "Tuna Nehri Viyana ve Budapeşte'den geçer.",
        "Dün kızına yeni bir bilgisayar aldı.",
        "Futbol takımı finali uzatmalarda kaybetti.",
        "Doktorlar sıcak havalarda yeterince su içmeyi öneriyor.",
    ],
}
