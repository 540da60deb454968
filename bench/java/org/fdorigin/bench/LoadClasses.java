package org.fdorigin.bench;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.function.IntUnaryOperator;

/**
 * Loads, links and initialises so many classes, as a large application does at its start, and ends:
 * {@code LoadClasses COUNT}. They are copies of one class under other names, so that making them
 * takes next to nothing beside loading them.
 */
public final class LoadClasses {

  private static final String DIGITS = "000000"; // of the copied class's name

  private LoadClasses() {}

  /** What is copied; as large as an application's classes are in the middle. */
  static final class Page000000 implements IntUnaryOperator {
    private static final int[] LINES = {1, 2, 3};

    private final String title;
    private int at;

    Page000000(String title) {
      this.title = title;
    }

    String title() {
      return title + " at " + at;
    }

    boolean turn() {
      if (at + 1 >= LINES.length) {
        return false;
      }
      at++;
      return true;
    }

    void back() {
      at = Math.max(0, at - 1);
    }

    int sum() {
      int sum = 0;
      for (int line : LINES) {
        sum = applyAsInt(sum + line);
      }
      return sum;
    }

    @Override
    public int applyAsInt(int operand) {
      return switch (operand % 3) {
        case 0 -> operand * 31 + at;
        case 1 -> operand ^ title.length();
        default -> ~operand;
      };
    }
  }

  private static final class Shelf extends ClassLoader {
    private final byte[] template;
    private final String text;

    Shelf() throws IOException {
      super(LoadClasses.class.getClassLoader());
      try (InputStream in = LoadClasses.class.getResourceAsStream("LoadClasses$Page000000.class")) {
        template = in.readAllBytes();
      }
      text = new String(template, StandardCharsets.ISO_8859_1);
    }

    Class<?> copy(int number) {
      byte[] code = template.clone();
      byte[] digits =
          Integer.toString(1_000_000 + number).substring(1).getBytes(StandardCharsets.US_ASCII);
      for (int at = text.indexOf(DIGITS); at >= 0; at = text.indexOf(DIGITS, at + 1)) {
        System.arraycopy(digits, 0, code, at, digits.length);
      }
      return defineClass(null, code, 0, code.length);
    }
  }

  public static void main(String[] args) throws IOException, ReflectiveOperationException {
    Shelf shelf = new Shelf();
    int count = Integer.parseInt(args[0]);
    for (int number = 1; number <= count; ++number) {
      Class.forName(shelf.copy(number).getName(), true, shelf);
    }
    System.out.println(count + " classes");
  }
}
