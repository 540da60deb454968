package org.fdorigin.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;

/**
 * Closes descriptors, and says how long one close took. {@code Close LIBRARY libc|raw}: opened
 * through libc, or by the bare instruction. Lines of standard input are answered as by {@link
 * OpenAndClose}.
 */
public final class Close {

  private Close() {}

  private static native int batch(boolean raw, long[] totals);

  public static void main(String[] args) throws IOException {
    System.load(args[0]);
    boolean raw = args[1].equals("raw");
    slice(raw, 500_000_000L);
    System.out.println("warm");
    BufferedReader in =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      System.out.println(slice(raw, Long.parseLong(line) * 1_000_000));
    }
  }

  private static String slice(boolean raw, long nanoseconds) throws IOException {
    long end = System.nanoTime() + nanoseconds;
    long[] totals = new long[2];
    long closed = 0;
    do {
      int batch = batch(raw, totals);
      if (batch == 0) {
        throw new IOException("close() failed");
      }
      closed += batch;
    } while (System.nanoTime() < end);
    return (double) totals[0] / closed + " " + (double) totals[1] / closed;
  }
}
