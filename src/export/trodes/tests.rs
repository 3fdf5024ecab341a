use super::*;

#[test]
fn channels_are_numbered_in_their_ntrodes() {
    let channel = |group: &str| Channel { group: group.to_owned(), ..Channel::numbered(0) };
    let groups = ["nTrode 7", "nTrode 7", "nTrode 2", "shank a/b", "nTrode 7", "shank a:b"];
    let channels: Vec<Channel> = groups.map(channel).to_vec();
    let places = places(&channels);
    let texts: Vec<String> = places.iter().map(|(nt, ch)| format!("nt{nt}ch{ch}")).collect();
    assert_eq!(texts, ["nt7ch1", "nt7ch2", "nt2ch1", "ntshank_a_bch1", "nt7ch3", "ntshank_a_b_2ch1"]);
    let plain: Vec<Channel> = (0..3).map(Channel::numbered).collect();
    assert_eq!(super::places(&plain), [("1".to_owned(), 1), ("2".to_owned(), 1), ("3".to_owned(), 1)]);
}

#[test]
fn names_are_plain_and_differ() {
    let mut names = Vec::new();
    assert_eq!(unique(&mut names, "ECU_Ain1"), "ECU_Ain1");
    assert_eq!(unique(&mut names, "ecu_ain1"), "ecu_ain1_2");
    assert_eq!(unique(&mut names, "../x"), ".._x");
    assert_eq!(unique(&mut names, ""), "_2");
}
