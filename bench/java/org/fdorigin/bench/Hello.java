package org.fdorigin.bench;

/** What a JVM does at least: the start-up comparison runs it. */
public final class Hello {

  private Hello() {}

  public static void main(String[] args) {
    System.out.println("hello");
  }
}
