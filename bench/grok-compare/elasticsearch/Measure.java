// Answers, for each line `FILE<TAB>MILLISECONDS` on standard input, how many lines a second org.elasticsearch.grok reads.
// FILE: the pattern on its first line, then the log lines. A pattern is compiled once; the answer is
// `lines/s<TAB>matches<TAB>captures of the first line`, or `error<TAB>words`.

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.elasticsearch.grok.Grok;
import org.elasticsearch.grok.GrokBuiltinPatterns;

public class Measure {
  private record Case(Grok grok, List<String> lines) {}

  private static int sink;

  public static void main(String[] args) throws Exception {
    Map<String, Case> cases = new HashMap<>();
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String request = in.readLine(); request != null; request = in.readLine()) {
      String answer;
      try {
        String[] parts = request.split("\t");
        Case one = cases.get(parts[0]);
        if (one == null) cases.put(parts[0], one = read(Path.of(parts[0])));
        answer = measure(one, Long.parseLong(parts[1]) * 1_000_000L);
      } catch (RuntimeException | java.io.IOException error) {
        answer = "error\t" + error.toString().replace('\n', ' ');
      }
      System.out.println(answer);
      System.out.flush();
    }
    if (sink == 42) System.err.println("read, so that the work is not dropped");
  }

  private static Case read(Path file) throws java.io.IOException {
    List<String> text = Files.readAllLines(file, StandardCharsets.UTF_8);
    return new Case(new Grok(GrokBuiltinPatterns.get(true), text.get(0), ignored -> {}), text.subList(1, text.size()));
  }

  /** Whole passes over the lines until the time is up; the rate is over all of them. */
  private static String measure(Case one, long forNanos) {
    int matches = 0;
    for (String line : one.lines) if (one.grok.captures(line) != null) matches++;
    long lines = 0;
    long start = System.nanoTime();
    long now = start;
    while (now - start < forNanos) {
      for (String line : one.lines) if (one.grok.captures(line) != null) sink++;
      lines += one.lines.size();
      now = System.nanoTime();
    }
    Map<String, Object> first = one.grok.captures(one.lines.get(0));
    return (lines * 1e9 / (now - start)) + "\t" + matches + "\t" + (first == null ? 0 : first.size());
  }
}
